// SPDX-License-Identifier: Apache-2.0

// Package haproxysites writes a Caddyfile with sites for everything that a haproxy.cfg serves in
// mode http, or behind a bind that terminates TLS. It is a draft for people to read: HAProxy's
// order of rules is kept, and each line without a counterpart becomes a comment with its number.
// The output is always a valid Caddyfile, whatever the sections contain. The package validates
// nothing: words that HAProxy would refuse become comments too.
package haproxysites
