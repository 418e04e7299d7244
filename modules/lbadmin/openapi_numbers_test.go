// SPDX-License-Identifier: Apache-2.0

package lbadmin

import "maps"

// The routes about ends and events of the past.
func init() {
	maps.Copy(operations, map[string]operation{
		"GET ends": {summary: "Lists the last connections that have ended, the newest first: the last 200, and as many that failed.", answer: []End{}, parameters: []parameter{
			{"limit", "integer", "The highest number to list; 0: all."},
			{"frontend", "string", "Those of a frontend."},
			{"backend", "string", "Those of a backend."},
			{"server", "string", "Those of the servers of that name; with backend, of one."},
			{"source", "string", "Those of an address, or of a network such as 192.0.2.0/24."},
			{"name", "string", "Those for a server name; *.DOMAIN stands for all names below a domain."},
			{"termination", "string", "Those with HAProxy's two letters, such as SC."},
			{"failed", "integer", "1: those that were refused or failed."},
		}},
		"GET hellos":   {summary: "Counts what clients sent first: hellos, their versions of TLS, and what else it was.", answer: Hellos{}},
		"GET problems": {summary: "Lists the present problems, the worst first, each with what to do.", answer: []Problem{}},
	})
}
