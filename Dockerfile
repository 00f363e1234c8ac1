# The service in a container; docs/service.md says how to build and run it.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
# uv knows where PyTorch's builds for CPUs alone are, which are a tenth of those with CUDA.
RUN pip install --no-cache-dir uv && python -m venv /venv
COPY constraints.txt ./
RUN uv pip install --no-cache --python /venv --torch-backend cpu -c constraints.txt torch
COPY pyproject.toml setup.py README.md LICENSE ./
COPY configs configs
COPY ner ner
RUN uv pip install --no-cache --python /venv --torch-backend cpu -c constraints.txt '.[serve]'

FROM python:3.11-slim-bookworm
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1
WORKDIR /model
# Nobody in particular: a number that no user of the image has.
USER 10001
EXPOSE 8000
# The image has no curl.
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["ner", "serve", "--host", "0.0.0.0", "--port", "8000"]
CMD ["--checkpoints", "/model"]
