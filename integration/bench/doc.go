// SPDX-License-Identifier: Apache-2.0

// Command bench measures the cost of a connection in this project's program and in the proxies that
// it competes with: HAProxy, nginx and caddy-l4. Each proxy has one core to itself; the clients and
// the server behind the proxies share another.
//
// It needs Linux, and prints tables in Markdown. Figures of different runs do not compare, so it
// judges by ratios between proxies within one round.
package main
