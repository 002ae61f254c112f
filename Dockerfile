# The bundle is built with the full Node image and run on one that has no shell and no package manager.
ARG BUILD=node:24-bookworm-slim
ARG RUN=gcr.io/distroless/nodejs24-debian13:nonroot

FROM ${BUILD} AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY tools ./tools
COPY src ./src
RUN npm run build

FROM ${RUN}
COPY --from=build /src/dist/rekey.mjs /rekey.mjs
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/nodejs/bin/node", "--disable-sigusr1", "/rekey.mjs"]
