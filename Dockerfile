# psdl as a server: no rights, a read-only file system, no network but its port. docs/line.md says how to run it.
FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
COPY src src
RUN python -m venv /opt/psdl && /opt/psdl/bin/pip install --no-cache-dir -c constraints.txt ".[serve,watch,align]"

FROM python:3.11-slim
COPY --from=build /opt/psdl /opt/psdl
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin psdl
USER 10001
# Kernels are compiled into /tmp, the only place that may be written (--tmpfs /tmp).
ENV PATH=/opt/psdl/bin:$PATH HOME=/nonexistent TMPDIR=/tmp MPLCONFIGDIR=/tmp/matplotlib PYTHONDONTWRITEBYTECODE=1
EXPOSE 8100
ENTRYPOINT ["psdl"]
CMD ["serve", "/models", "--host", "0.0.0.0", "--port", "8100", "--token-file", "/tokens"]
