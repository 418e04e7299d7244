module github.com/caddy-passthrough/caddy-passthrough/ci/readers

go 1.26.0

require github.com/influxdata/telegraf v1.36.4

require (
	filippo.io/edwards25519 v1.1.0 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	go.step.sm/crypto v0.74.0 // indirect
	golang.org/x/crypto v0.43.0 // indirect
	golang.org/x/sys v0.38.0 // indirect
)
