# One static binary and its licence: no base image to pull, no shell, no package manager, no libraries.
#
# `make image` builds the binary and then this with buildah. With any other builder:
#   make image-context
#   docker build --file Dockerfile --build-arg VERSION=... --build-arg COMMIT=... --tag ... dist/image
FROM scratch
ARG VERSION
ARG COMMIT
LABEL org.opencontainers.image.title="metric-autoscaler" \
      org.opencontainers.image.description="Scales any Kubernetes workload from PromQL" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY LICENSE metric-autoscaler /
# A number, so that the kubelet can see that it is not root (runAsNonRoot).
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/metric-autoscaler"]
