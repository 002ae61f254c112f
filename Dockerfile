# The bundle is built with the full Node image, on the machine's own platform, and run on one that has no shell and no package
# manager. Where there is no registry of images, `make image` makes both bases itself: docs/image.md.
ARG BUILD=node:24-bookworm-slim
ARG RUN=gcr.io/distroless/nodejs24-debian13:nonroot

FROM --platform=$BUILDPLATFORM ${BUILD} AS build
# where npm asks for packages; absent: as npm does by itself
ARG NPM_CONFIG_REGISTRY
WORKDIR /src
COPY package.json package-lock.json ./
# no package needs its install script here, and none may run one
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY tools ./tools
COPY src ./src
# the command line, which is bundled beside the operator, can print it
COPY docs/reference/rekey-yaml.schema.json ./docs/reference/
RUN node tools/bundle.ts dist
# of use where both Nodes are of one version and architecture; elsewhere the operator starts without it
RUN node tools/compile.ts dist

# written out: buildah 1.28 takes the platform of the stage above
FROM --platform=$TARGETPLATFORM ${RUN}
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="rekey" \
      org.opencontainers.image.description="Rotates shared JWT signing keys without rejecting a valid token" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /src/dist/rekey.* /
USER 65532:65532
EXPOSE 8080
# with the flag below a third of the memory less at a thousand resources, at no cost in time: docs/scale.md
ENV MALLOC_ARENA_MAX=1
ENTRYPOINT ["/nodejs/bin/node", "--disable-sigusr1", "--max-semi-space-size=2", "/rekey.mjs"]
