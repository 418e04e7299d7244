// SPDX-License-Identifier: Apache-2.0

// Package haproxysites writes, as text of a Caddyfile, the sites that would
// serve what a haproxy.cfg serves in mode http, or behind a bind whose TLS ends
// at the proxy. It is a draft for a person to read: the order of HAProxy's rules
// is kept, and each line that has no counterpart stands in it as a comment with
// its number. What it writes is a valid Caddyfile, whatever the sections hold.
// It checks nothing: words that HAProxy would refuse become comments, too.
package haproxysites
