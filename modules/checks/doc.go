// SPDX-License-Identifier: Apache-2.0

// Package checks holds the ways in which a server's health is found out, one
// Caddy module each, in the namespace passthrough.checks: tcp, ssl_hello, tls, http,
// tcp_script, http_script, mysql, pgsql, ldap, smtp, redis, spop and external are
// pool.Checkers, agent is the pool.Agent. The balancer loads them by their module ID and
// never imports this package, so that a checker of somebody else's is added in the same
// way. A checker holds its configuration and nothing else: one value checks all servers
// of a backend at once. None keeps a connection from one check to the next, and none
// resumes TLS sessions.
package checks
