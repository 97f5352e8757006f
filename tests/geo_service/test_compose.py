"""The container files against the code: no engine runs here, so they are held to what they refer to."""

import re
from pathlib import Path

import yaml

from geo_service.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
KNOWN = {PREFIX + name.upper() for name in Settings.model_fields}


def test_every_setting_in_the_container_files_exists():
    environment = COMPOSE["services"]["service"]["environment"]
    assert set(environment) <= KNOWN
    in_image = set(re.findall(rf"\b({PREFIX}[A-Z_]+)=", DOCKERFILE))
    assert in_image
    assert in_image <= KNOWN


def test_the_values_make_valid_settings():
    given = COMPOSE["services"]["service"]["environment"]
    values = {
        name.removeprefix(PREFIX).lower(): str(value).replace("${POSTGRES_PASSWORD}", "secret")
        for name, value in given.items()
        if value is not None
    }
    settings = Settings(**values)
    assert settings.database_url == "postgresql://yinxun:secret@db:5432/yinxun"
    assert str(settings.data_dir) == "/data"


def test_the_service_finds_the_database_that_is_made_for_it():
    database, service = COMPOSE["services"]["db"], COMPOSE["services"]["service"]
    url = service["environment"]["GEO_DATABASE_URL"]
    user, name = database["environment"]["POSTGRES_USER"], database["environment"]["POSTGRES_DB"]
    assert url == f"postgresql://{user}:${{POSTGRES_PASSWORD}}@db:5432/{name}"
    assert service["depends_on"] == {"db": {"condition": "service_healthy"}}
    assert "healthcheck" in database
    mounted = {volume.partition(":")[0] for one in (database, service) for volume in one["volumes"]}
    assert mounted == set(COMPOSE["volumes"])


def test_nothing_is_reachable_from_elsewhere_and_no_password_is_written_down():
    assert "ports" not in COMPOSE["services"]["db"]
    for port in COMPOSE["services"]["service"]["ports"]:
        assert port.startswith("127.0.0.1:")
    assert ":?" in COMPOSE["services"]["db"]["environment"]["POSTGRES_PASSWORD"]


def test_the_image_copies_what_is_there_and_runs_without_root():
    copied = [
        word for line in re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]
    ]
    assert {"layers", "maps", "geo_service", "pyproject.toml", "requirements.txt"} <= set(copied)
    allowed = (ROOT / ".dockerignore").read_text()
    for name in copied:
        assert (ROOT / name).exists(), name
        assert f"!{name}\n" in allowed
    assert DOCKERFILE.index("USER yinxun") < DOCKERFILE.index("CMD")
    assert "--require-hashes" in DOCKERFILE


def test_images_are_pinned_to_a_version_and_named_without_a_host():
    images = [COMPOSE["services"]["db"]["image"], *re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)]
    for image in images:
        assert re.fullmatch(r"[a-z]+(/[a-z]+)?:\d[\w.-]*", image), image
