# The packages are pinned by constraints.txt, which names versions and no registry.
ARG PYTHON=3.13-slim-bookworm

FROM python:${PYTHON} AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY leomock leomock
COPY specs specs
COPY scenarios scenarios
RUN python -m venv /opt/leomock \
 && /opt/leomock/bin/pip install --no-cache-dir --constraint constraints.txt ".[contract,mcp]"

FROM python:${PYTHON}
COPY --from=build /opt/leomock /opt/leomock
# A number, so that Kubernetes' runAsNonRoot can check it; no account is needed.
RUN mkdir /data && chown 10001:10001 /data
USER 10001:10001
VOLUME /data
WORKDIR /data
EXPOSE 8090
ENV PATH=/opt/leomock/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
HEALTHCHECK --interval=5s --timeout=2s --start-period=3s CMD ["python", "-c", \
  "import urllib.request as u; u.urlopen('http://127.0.0.1:8090/_leomock/health/ready', timeout=2)"]
ENTRYPOINT ["leomock"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8090", "--state", "/data/state.json"]
