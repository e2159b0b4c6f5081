# docker build -t postroom .
# docker run --rm -it -v postroom:/var/lib/postroom -v ./etc:/etc/postroom postroom \
#   init example.org --config /etc/postroom/postroom.toml --data /var/lib/postroom --account alice@example.org
# docker run -d --name postroom -v postroom:/var/lib/postroom -v ./etc:/etc/postroom \
#   -p 25:25 -p 587:587 -p 465:465 -p 110:110 -p 995:995 -p 143:143 -p 993:993 postroom

FROM python:3.12-slim AS build
WORKDIR /build
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY src src
RUN python -m venv /opt/postroom \
 && /opt/postroom/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
 && /opt/postroom/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.12-slim
RUN useradd --system --uid 8025 --home-dir /var/lib/postroom --shell /usr/sbin/nologin postroom \
 && install -d -o postroom -g postroom -m 0700 /var/lib/postroom /etc/postroom
COPY --from=build /opt/postroom /opt/postroom
ENV PATH=/opt/postroom/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    POSTROOM_CONFIG=/etc/postroom/postroom.toml
USER postroom
# Docker lets every user of a container open ports below 1024 (net.ipv4.ip_unprivileged_port_start=0); elsewhere, add
# --sysctl net.ipv4.ip_unprivileged_port_start=0 or listen on high ports and publish those.
VOLUME ["/var/lib/postroom", "/etc/postroom"]
EXPOSE 25 587 465 110 995 143 993
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=60s --timeout=20s --start-period=15s --retries=3 CMD ["postroom", "check", "--serving"]
ENTRYPOINT ["postroom"]
CMD ["serve"]
