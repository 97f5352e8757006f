FROM python:3.11-slim-bookworm

# pg_dump of the server's major: the service dumps before it migrates. The font is that of printed maps.
RUN apt-get update \
    && apt-get install -y --no-install-recommends postgresql-client fonts-wqy-microhei \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --user-group --no-create-home --home-dir /data yinxun \
    && install -d -o yinxun -g yinxun -m 700 /data

WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY layers layers
COPY maps maps
COPY geo_service geo_service
RUN pip install --no-cache-dir --no-deps --no-build-isolation . && rm -rf /app/* \
    && cd / && python -m layers.ready

USER yinxun
WORKDIR /
ENV GEO_DATA_DIR=/data GEO_HOST=0.0.0.0
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health')"]
CMD ["geo-service", "serve"]
