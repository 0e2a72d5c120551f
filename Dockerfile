FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY leomock leomock
COPY specs specs
COPY scenarios scenarios
RUN python -m venv /opt/leomock && /opt/leomock/bin/pip install --no-cache-dir ".[contract]"

FROM python:3.13-slim
COPY --from=build /opt/leomock /opt/leomock
RUN useradd --system --no-create-home leomock
USER leomock
EXPOSE 8090
ENV PYTHONUNBUFFERED=1
HEALTHCHECK --interval=5s --timeout=2s --start-period=3s CMD ["/opt/leomock/bin/python", "-c", \
  "import urllib.request as u; u.urlopen('http://127.0.0.1:8090/_leomock/health', timeout=2)"]
ENTRYPOINT ["/opt/leomock/bin/leomock"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8090"]
