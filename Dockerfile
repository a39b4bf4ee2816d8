# One image for every role: `lapor-dini serve | worker | dispatch | web | tick`. docker-compose.yml says how they are run.
FROM python:3.11.13-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/lapor-dini
COPY requirements.lock ./
RUN /opt/lapor-dini/bin/pip install --no-cache-dir --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md ./
COPY alerts alerts
COPY rules rules
COPY templates templates
RUN /opt/lapor-dini/bin/pip install --no-cache-dir --no-deps .

FROM python:3.11.13-slim-bookworm
# pg_dump, for `lapor-dini backup`: as new as the server, so both come from Debian's release.
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-client-15 && rm -rf /var/lib/apt/lists/*
# /data is made here so that a new volume belongs to the user.
RUN useradd --no-create-home --uid 10001 lapor && install -d -o lapor -g lapor -m 0750 /data
COPY --from=build /opt/lapor-dini /opt/lapor-dini
ENV PATH=/opt/lapor-dini/bin:$PATH PYTHONDONTWRITEBYTECODE=1
WORKDIR /data
USER 10001:10001
ENTRYPOINT ["lapor-dini"]
CMD ["serve"]
