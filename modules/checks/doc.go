// SPDX-License-Identifier: Apache-2.0

// Package checks holds the health checkers, one Caddy module each, in the namespace
// passthrough.checks. tcp, ssl_hello, tls, http, tcp_script, http_script, mysql, pgsql, ldap, smtp,
// redis, spop and external implement pool.Checker; agent implements pool.Agent. The balancer loads
// them by module ID and never imports this package, so third-party checkers are added the same way.
// A checker holds its configuration and nothing else: one value checks all servers of a backend
// concurrently. No checker keeps a connection from one check to the next, and none resumes TLS
// sessions.
package checks
