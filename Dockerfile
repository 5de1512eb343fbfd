# The reference account service.
ARG NODE_VERSION=20

FROM node:${NODE_VERSION}-bookworm-slim AS build
WORKDIR /service
COPY package.json package-lock.json .npmrc ./
RUN npm ci --include=dev
COPY tsconfig.json nest-cli.json ./
COPY src ./src
RUN node node_modules/@nestjs/cli/bin/nest.js build
# What the service needs beyond the library's own dependencies is a development dependency of the package: keep that much of it.
RUN npm pkg delete devDependencies \
 && npm pkg set 'dependencies.@nestjs/microservices=*' 'dependencies.@nestjs/platform-express=*' \
 && npm prune

FROM node:${NODE_VERSION}-bookworm-slim
ENV NODE_ENV=production
WORKDIR /service
COPY --from=build /service/package.json ./
COPY --from=build /service/node_modules ./node_modules
COPY --from=build /service/dist ./dist
USER node
EXPOSE 3000 3001
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT || 3000) + '/health').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Without a shell in between, SIGTERM reaches node. As process 1 it ignores signals until the service has installed its handlers: run the
# container with an init (`docker run --init`, `init: true`) to have that first second covered too.
CMD ["node", "dist/main.js"]
