// Package clients holds tests alone: real clients push to the reference
// registry, as "conform serve" runs it, and pull from it, and what comes back
// is compared byte for byte with what was sent. The clients are skopeo, crane
// and the Docker engine.
package clients
