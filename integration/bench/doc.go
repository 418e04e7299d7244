// SPDX-License-Identifier: Apache-2.0

// Command bench measures what a connection costs in this project's program and in the
// proxies that people use in its place: HAProxy, nginx and caddy-l4. Each proxy has one
// core to itself; the clients and the server behind the proxies share another.
//
// It needs Linux, and prints tables in Markdown. Numbers of one run compare with each
// other alone, so what it judges by are ratios between proxies within one round.
package main
