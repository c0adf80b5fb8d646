# krakenctl: worker, codec server, or any other command, as `docker run … krakenctl worker run`.
FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# As scripts/packages.sh does: `npm ci` refuses a lock file without other platforms' optional binaries, `npm install` takes the same
# versions. Install scripts belong to development packages alone; everything works without them.
RUN npm ci --ignore-scripts --no-audit --no-fund --loglevel=error 2> /dev/null \
  || npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error
COPY .swcrc tsconfig.json ./
COPY scripts/build.mjs scripts/build.mjs
COPY src src
# When the commit was made, in seconds: there is no git here, and workers of two releases tell by it who is newer.
ARG SOURCE_DATE_EPOCH
RUN node scripts/build.mjs && npm prune --omit=dev --ignore-scripts

FROM node:20-bookworm-slim
# Reaches hosts by SSH of its own: no other program is needed. It must not be root; whose keys it reads is said by `user:`.
ENV NODE_ENV=production KRAKENCTL_STATE_DIR=/var/lib/krakenctl
RUN mkdir -p /var/lib/krakenctl && chmod 1777 /var/lib/krakenctl \
  && ln -s /app/bin/krakenctl /usr/local/bin/krakenctl
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY bin bin
USER 1000:1000
ENTRYPOINT ["krakenctl"]
CMD ["worker", "run"]
