// SPDX-License-Identifier: Apache-2.0

package integration

// inStickTable returns a Caddyfile with the text in the block of a stick table, from line 4 on.
func inStickTable(text string) string {
	return "{\n\tpassthrough {\n\t\tstick_table t {\n" + text + "\n\t\t}\n\t\tbackend web {\n\t\t\tserver s1 127.0.0.1:9441\n\t\t}\n\t}\n}\n"
}

// inTracking returns a Caddyfile with the text in the connection rules of a frontend, from line 10
// on. Its stick tables are t, of addresses, and names, of strings.
func inTracking(text string) string {
	return `{
	passthrough {
		stick_table t {
			store conn_cur gpc(2)
		}
		stick_table names {
			type string
		}
		frontend tls {
			connection {
` + text + `
			}
			bind :9443
			default_backend web
		}
		backend web {
			server s1 127.0.0.1:9441
		}
	}
}
`
}

// jsonStickTable returns a JSON configuration of a stick table with the given fields.
func jsonStickTable(text string) string {
	return `{"apps": {"passthrough": {"stick_tables": {"t": {` + text + `}}, "backends": {"web": {"servers": [{"name": "s1", "address": "127.0.0.1:9441"}]}}}}}`
}

// jsonTracking returns a JSON configuration of a frontend with connection rules. Its stick tables
// are t, of addresses, and names, of strings.
func jsonTracking(text string) string {
	return `{"apps": {"passthrough": {
		"stick_tables": {"t": {"store": ["conn_cur", "gpc(2)"]}, "names": {"type": "string"}},
		"frontends": {"tls": {"bind": [{"address": ":9443"}], "default_backend": "web", "connection": [` + text + `]}},
		"backends": {"web": {"servers": [{"name": "s1", "address": "127.0.0.1:9441"}]}}
	}}}`
}

var stickMistakes = []mistake{
	{"an unknown value", inStickTable, "store conn_curr", "store conn_cur", []string{`store: unknown store option 'conn_curr'; did you mean "conn_cur"?`, "Caddyfile:3"}},
	{"a rate without a period", inStickTable, "store conn_rate", "store conn_rate(10s)", []string{"store: missing argument to store option 'conn_rate': expected conn_rate(PERIOD)", "Caddyfile:3"}},
	{"a rate over no time", inStickTable, "store conn_rate(0)", "store conn_rate(1)", []string{`period "0": expected more than 0, such as 10s`, "Caddyfile:3"}},
	{"a rate over a word", inStickTable, "store conn_rate(minute)", "store conn_rate(1m)", []string{`period "minute": expected a number with a unit, such as 10s or 1m`, "Caddyfile:3"}},
	{"a rate over a month", inStickTable, "store conn_rate(30d)", "store conn_rate(24d)", []string{`period "30d": expected at most 2147483647ms`, "Caddyfile:3"}},
	{"a number of elements with a unit", inStickTable, "store gpc(2x)", "store gpc(2)", []string{"array size is out of allowed range (1-100) for store option 'gpc'", "Caddyfile:3"}},
	{"too many elements", inStickTable, "store gpc(101)", "store gpc(100)", []string{"array size is out of allowed range (1-100) for store option 'gpc'", "Caddyfile:3"}},
	{"an argument too many", inStickTable, "store gpt0(2)", "store gpt(2)", []string{"unexpected argument to store option 'gpt0': expected gpt0", "Caddyfile:3"}},
	{"an array without its number", inStickTable, "store gpc_rate(1m)", "store gpc_rate(2,1m)", []string{"missing argument to store option 'gpc_rate': expected gpc_rate(NUMBER,PERIOD)", "Caddyfile:3"}},
	{"an array and its element", inStickTable, "store gpc(2) gpc0", "store gpc(2)", []string{"store: gpc0 is an element of gpc: expected only one of them", "Caddyfile:3"}},
	{"a value twice", inStickTable, "store gpc0 conn_cur gpc0", "store gpc0 conn_cur", []string{"store: gpc0 is given twice", "Caddyfile:3"}},
	{"an unknown type", inStickTable, "type ipv5", "type ipv6", []string{`type "ipv5": expected ip, ipv6, integer, string or binary`, "Caddyfile:3"}},
	{"a length of addresses", inStickTable, "type ip\nlength 4", "type ip", []string{"length 4: keys of type ip have a length of their own", "Caddyfile:3"}},
	{"no length", inStickTable, "type string\nlength 0", "type string\nlength 1", []string{`length: "0": expected a whole number from 1 to 65535`, "Caddyfile:5"}},
	{"a word for an expiry", inStickTable, "expire soon", "expire 1m", []string{`expire: "soon" is not a duration: expected a number with a unit`, "Caddyfile:4"}},
	{"an expiry without unit", inStickTable, "expire 60", "expire 60s", []string{`expire: "60" is not a duration: expected a number with a unit`, "Caddyfile:4"}},
	{"no size", inStickTable, "size 0", "size 1", []string{`size "0": expected a number of entries from 1 to 2147483647`, "Caddyfile:4"}},
	{"an element beyond the last", inTracking, "sc_inc_gpc 100 0", "sc_inc_gpc 1 0", []string{"sc_inc_gpc: index 100: expected a number from 0 to 99", "Caddyfile:11"}},
	{"a counter beyond the last", inTracking, "sc_inc_gpc0 100", "sc_inc_gpc0 2", []string{"sc_inc_gpc0: counter 100: expected a number from 0 to 99", "Caddyfile:11"}},
}

var wholeStickMistakes = []mistake{
	{"a stick table that is not there", inTracking, "track_sc0 remote_ip table tt", "track_sc0 remote_ip table t", []string{`connection: rule 1: track: stick table "tt" is not defined; did you mean "t"?`, "Caddyfile:10"}},
	{"a table of the frontend that is not there", inTracking, "track_sc0 remote_ip", "track_sc0 remote_ip table t", []string{`connection: rule 1: track: stick table "tls" is not defined`, "Caddyfile:10"}},
	{"a matcher's table that is not there", inTracking, "reset acl src_conn_cur(tt) gt 3", "reset acl src_conn_cur(t) gt 3", []string{`connection: rule 1: src_conn_cur: stick table "tt" is not defined; did you mean "t"?`, "Caddyfile:10"}},
	{"a counter that connections do not have", inTracking, "track 3 remote_ip table t", "track 2 remote_ip table t", []string{"connection: rule 1: track: counter 3: expected a number below 3; stick_counters changes it", "Caddyfile:10"}},
}

var jsonStickMistakes = []mistake{
	{"an unknown value", jsonStickTable, `"store": ["conn_curr"]`, `"store": ["conn_cur"]`, []string{`stick table "t": store: unknown store option 'conn_curr'; did you mean "conn_cur"?`}},
	{"a rate over no time", jsonStickTable, `"store": ["conn_rate(0)"]`, `"store": ["conn_rate(1s)"]`, []string{`stick table "t": store: error when processing store option 'conn_rate': period "0": expected more than 0`}},
	{"a number of elements with a unit", jsonStickTable, `"store": ["gpc(2x)"]`, `"store": ["gpc(2)"]`, []string{`stick table "t": store: array size is out of allowed range (1-100) for store option 'gpc'`}},
	{"an unknown type", jsonStickTable, `"type": "ipv5"`, `"type": "ipv4"`, []string{`stick table "t": type "ipv5": expected ip, ipv6, integer, string or binary`}},
	{"a length of addresses", jsonStickTable, `"type": "ipv6", "length": 16`, `"type": "binary", "length": 16`, []string{`stick table "t": length 16: keys of type ipv6 have a length of their own`}},
	{"an expiry in the past", jsonStickTable, `"expire": "-2s"`, `"expire": "2s"`, []string{`stick table "t": expire`}},
	{"an element beyond the last", jsonTracking, `{"action": "sc_inc_gpc", "index": 100}`, `{"action": "sc_inc_gpc", "index": 1}`, []string{`frontend "tls": connection: rule 1: sc_inc_gpc: index 100: expected a number from 0 to 99`}},
	{"a key of another type", jsonTracking, `{"action": "track", "key": "bool(true)", "table": "t"}`, `{"action": "track", "key": "bool(true)", "table": "names"}`, []string{`connection: rule 1: track: key bool(true) cannot be one of stick table "t", whose type is ipv6`}},
}
