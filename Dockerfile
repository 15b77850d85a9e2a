# lockwatch as an image: one static program and CA certificates, no shell, no package manager. docs/containers.md says
# how to build and run it. There is no .git here, so the revision is told:
#
#     docker build --build-arg REVISION="$(git rev-parse --short=12 HEAD)" --tag lockwatch:0.1.0 .

# The Rust that builds it, and the CA certificates. With a digest it is one build for ever: NAME:TAG@sha256:…
ARG RUST_IMAGE=docker.io/library/rust:1.95.0-slim-bookworm

FROM ${RUST_IMAGE} AS build
WORKDIR /lockwatch
# Static, so that the last stage needs no libc. Of the machine that builds, whatever its architecture: with a target
# that is named, the flags are not for build scripts and macros, which cannot be static.
ENV RUSTFLAGS="-C target-feature=+crt-static" \
    CARGO_BUILD_TARGET=host-tuple

# The dependencies in a layer of their own, which lasts until Cargo.lock changes. Only downloads are shared between
# builds: a shared target folder compares times of files, and takes the build of another checkout for this one's.
COPY Cargo.toml Cargo.lock ./
RUN --mount=type=cache,id=lockwatch-crates,sharing=locked,target=/usr/local/cargo/registry \
    mkdir src && touch src/lib.rs && echo 'fn main() {}' >src/main.rs && cargo build --locked --release

COPY build.rs ./
COPY templates templates
COPY src src
ARG REVISION=unknown
# Both files are touched because cargo thinks that what is older than the last build is in it.
RUN --mount=type=cache,id=lockwatch-crates,sharing=locked,target=/usr/local/cargo/registry \
    touch src/lib.rs src/main.rs && LOCKWATCH_REVISION="$REVISION" cargo build --locked --release

# What the last stage is made of. The folder of the state belongs to the user of the image, because a named volume takes
# owner and mode from it. Names are looked up in /etc/hosts first, as everywhere.
COPY LICENSE ./
RUN install -D -m 0755 target/*/release/lockwatch /image/usr/bin/lockwatch && \
    install -D -m 0644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt && \
    install -D -m 0644 LICENSE /image/usr/share/doc/lockwatch/LICENSE && \
    echo 'root:x:0:0:root:/:/sbin/nologin' >/image/etc/passwd && \
    echo 'lockwatch:x:65532:65532:lockwatch:/var/lib/lockwatch:/sbin/nologin' >>/image/etc/passwd && \
    echo 'root:x:0:' >/image/etc/group && \
    echo 'lockwatch:x:65532:' >>/image/etc/group && \
    echo 'hosts: files dns' >/image/etc/nsswitch.conf && \
    install -d -m 0755 /image/etc/lockwatch /image/var/lib && \
    install -d -m 1777 /image/tmp && \
    install -d -m 0700 /state/lockwatch

FROM scratch
COPY --from=build /image/ /
COPY --from=build --chown=65532:65532 /state/ /var/lib/
# SQLite puts what does not fit into memory here when there is no other place to write to.
WORKDIR /var/lib/lockwatch
USER 65532:65532
# Memory that is freed serves all threads: with thousands of users about half is enough.
ENV MALLOC_ARENA_MAX=2
# There is no VOLUME: docker would make a new one for every container, with a new count of attempts. A store in the
# container's own layer is refused, so a volume that was forgotten is noticed at the first start.
EXPOSE 9477
STOPSIGNAL SIGTERM
# Alive, and not "all users are fine", for which no restart is a cure. The configuration is found as `run` finds it.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["/usr/bin/lockwatch", "health"]
ENTRYPOINT ["/usr/bin/lockwatch"]
CMD ["run"]

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="lockwatch" \
      org.opencontainers.image.description="Watches whether Autotask PSA API users still work, and never becomes the reason for a lockout" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
