"""`python -m geo_service` is `geo-service`."""

if __name__ == "__main__":
    # Here, for workers of `recompute` import this module too, and need no command.
    from geo_service.cli import main

    main()
