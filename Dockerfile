# syntax=docker/dockerfile:1
# The image of cds-server. One image serves, works, checks and judges other servers:
#
#   docker build --build-arg REVISION="$(git rev-parse HEAD)" -t cds-registration-server .
#   docker run -p 8000:8000 -v cds:/var/lib/cds cds-registration-server
#   docker run cds-registration-server conformance https://cds.utility.example

ARG PYTHON=3.13-slim-trixie

# What builds it has pip and the sources; nothing of this stage but /opt/cds goes on.
FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /src
COPY requirements-build.lock requirements-image.lock ./
# What is in /opt/build builds; /opt/cds goes on, and without pip in it nothing can be installed there.
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes --only-binary :all: -r requirements-build.lock \
 && python -m venv --without-pip /opt/cds \
 && /opt/build/bin/pip --python /opt/cds install --no-compile --require-hashes --only-binary :all: -r requirements-image.lock
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY tests/supply_chain tests/supply_chain
# Imports take a quarter of a second with byte-code and over a second without. It goes by hashes that nobody compares at
# run time, so that neither times nor a tree that is only read matter.
RUN /opt/build/bin/pip wheel --no-deps --no-index --no-build-isolation --wheel-dir dist . \
 && /opt/build/bin/pip --python /opt/cds install --no-compile --no-deps --no-index --find-links dist cds-registration-server \
 && /opt/cds/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/cds/lib
# What is in /opt/cds, for those who have to know: names, versions, licences and hashes (CycloneDX).
RUN mkdir -p /opt/cds/share/sbom \
 && /opt/cds/bin/python -m tests.supply_chain.sbom requirements-image.lock > /opt/cds/share/sbom/cds-registration-server.cdx.json

FROM python:${PYTHON}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="cds-registration-server" \
      org.opencontainers.image.description="Server metadata and client registration of LF Energy's Connected Data Specifications" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/cds /opt/cds
# For whoever runs it without Kubernetes: what the embedded store and the default place of files write is below here.
RUN install -d -o 10001 -g 10001 -m 0700 /var/lib/cds
# No setting of the server is set here, because one in the environment would win over those of a file.
ENV PATH=/opt/cds/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /var/lib/cds
VOLUME ["/var/lib/cds"]
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=15s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/livez', timeout=2)"]
ENTRYPOINT ["cds-server"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
