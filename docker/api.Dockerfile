# The API. Build from the top of the checkout: docker build -f docker/api.Dockerfile -t inquest-api .
FROM debian:bookworm-slim AS packages
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends nodejs npm ca-certificates && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/inquest
COPY package.json package-lock.json .npmrc ./
# The npm package `node` brings the Node that everything runs on; Debian's own only starts npm.
RUN npm ci --omit=dev --no-audit --no-fund

FROM debian:bookworm-slim
COPY docker/provision.sh /tmp/provision.sh
RUN sh /tmp/provision.sh api && rm -rf /tmp/provision.sh /var/lib/apt/lists/* \
 && useradd --system --create-home --home-dir /var/lib/inquest --shell /usr/sbin/nologin --uid 10001 inquest \
 && install -d -o inquest -g inquest -m 0700 /var/lib/inquest/data
WORKDIR /srv/inquest
COPY --from=packages /srv/inquest/node_modules node_modules
COPY package.json tsconfig.json ./
COPY services services
# Part of every bundle.
COPY gdb-scripts gdb-scripts
USER inquest
ENV INQUEST_DATA_DIR=/var/lib/inquest/data
# See docker/run.sh. Made here, for the container is read-only.
ENV NODE_COMPILE_CACHE=/var/lib/inquest/compiled
RUN node_modules/.bin/node --max-semi-space-size=1 --heap-growing-percent=50 --initial-heap-size=64 services/server.ts --version
EXPOSE 8080
CMD ["node_modules/.bin/node", "--max-semi-space-size=1", "--heap-growing-percent=50", "--initial-heap-size=64", "services/server.ts"]
