# Recorder, bridge, webapp and launcher. Orthanc and PostgreSQL come from their own images (docker-compose.yml).
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1

# What WeasyPrint prints reports with: Pango, and fonts so that no name is boxes
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-noto-core fonts-noto-cjk \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --system --uid 10001 --user-group noctis \
    && install --directory --owner=noctis --group=noctis --mode=0700 /var/lib/noctis /etc/noctis

WORKDIR /opt/noctis

COPY requirements.txt ./
RUN pip install --no-cache-dir --no-compile --require-hashes -r requirements.txt

COPY settings.py ./
COPY database database/
COPY bridge bridge/
COPY webapp webapp/
COPY launch launch/
COPY orthanc orthanc/

USER noctis
VOLUME /var/lib/noctis

CMD ["python", "-m", "launch", "--help"]
