// SPDX-License-Identifier: Apache-2.0

package integration

var backendMistakes = []mistake{
	{"the same server twice", inBackend, "server s1 127.0.0.1:9442", "server s2 127.0.0.1:9442", []string{
		`another server of this backend is named "s1" already`, "Caddyfile:5",
	}},
	{"a server without address", inBackend, "server s2", "server s2 127.0.0.1:9442", []string{
		"expected server NAME ADDRESS", "Caddyfile:5",
	}},
	{"an address without port", inBackend, "server s2 127.0.0.1", "server s2 127.0.0.1:443", []string{
		`server "s2": address "127.0.0.1": expected HOST:PORT, such as 10.0.0.1:443`, "Caddyfile:5",
	}},
	{"a port that there is not", inBackend, "server s2 127.0.0.1:70000", "server s2 127.0.0.1:7000", []string{
		`server "s2": address "127.0.0.1:70000": expected a port from 1 to 65535 after the host`, "Caddyfile:5",
	}},
	{"a URL for an address", inBackend, "server s2 https://web.example.com", "server s2 web.example.com:443", []string{
		`server "s2": address "https://web.example.com": expected HOST:PORT`, "Caddyfile:5",
	}},
	{"a server's name with a slash", inBackend, "server s/2 127.0.0.1:9442", "server s-2 127.0.0.1:9442", []string{
		`server "s/2": name "s/2": expected letters, digits`, "Caddyfile:5",
	}},
	{"a weight above the highest", inBackend, "server s2 127.0.0.1:9442 weight 300", "server s2 127.0.0.1:9442 weight 256", []string{
		`weight: "300": expected a whole number from 0 to 256`, "Caddyfile:5",
	}},
	{"a weight in a block", inBackend, "server s2 127.0.0.1:9442 {\n weight -1\n}", "server s2 127.0.0.1:9442 {\n weight 0\n}", []string{
		`weight: "-1": expected a whole number from 0 to 256`, "Caddyfile:6",
	}},
	{"a misspelled option of a server", inBackend, "server s2 127.0.0.1:9442 wieght 3", "server s2 127.0.0.1:9442 weight 3", []string{
		`unknown option "wieght"; did you mean "weight"? (known: agent, backup, check, disabled, `, "Caddyfile:5",
	}},
	{"a misspelled option", inBackend, "retires 3", "retries 3", []string{
		`unknown option "retires"; did you mean "retries"? (known: abortonclose, agent, allbackups, `, "Caddyfile:5",
	}},
	{"an option twice", inBackend, "retries 3\nretries 4", "retries 3", []string{
		`option "retries" is given twice`, "Caddyfile:6",
	}},
	{"too many retries", inBackend, "retries 101", "retries 100", []string{
		`retries: "101": expected a whole number from 0 to 100`, "Caddyfile:5",
	}},
	{"a retry budget with a percent sign", inBackend, "retry_budget 20%", "retry_budget 20", []string{
		`retry_budget: "20%": expected a percentage as a whole number from 1 to 1000`, "Caddyfile:5",
	}},
	{"a retry budget with fewer than no retries", inBackend, "retry_budget 20 -1", "retry_budget 20 0", []string{
		`retry_budget 20: "-1": expected retries per second as a whole number from 0 to 1000000`, "Caddyfile:5",
	}},
	{"an unknown policy", inBackend, "balance roundrobbin", "balance roundrobin", []string{
		`balance: unknown policy "roundrobbin"; did you mean "roundrobin"? (known: first, hash, leastconn, maglev, peak_ewma, random, roundrobin, source, static_rr)`, "Caddyfile:5",
	}},
	{"a policy's unknown key", inBackend, "balance hash snii", "balance hash sni", []string{
		`unknown key "snii"; did you mean "sni"?`, "Caddyfile:5",
	}},
	{"an unknown hash function", inBackend, "balance hash sni {\n hash_type consistent md5\n}", "balance hash sni {\n hash_type consistent wt6\n}", []string{
		`hash_type: unknown function "md5"`, "Caddyfile:",
	}},
	{"a balance factor of nothing", inBackend, "balance random {\n balance_factor 100\n}", "balance random {\n balance_factor 101\n}", []string{
		"balance_factor 100: expected 0, or a whole number from 101", "Caddyfile:",
	}},
	{"too few draws", inBackend, "balance random 0", "balance random 1", []string{
		`draws "0": expected a whole number from 1 to 1000`, "Caddyfile:5",
	}},
	{"a policy's missing name", inBackend, "balance", "balance roundrobin", []string{
		`"balance" needs an argument`, "Caddyfile:5",
	}},
	{"a policy with a surplus argument", inBackend, "balance roundrobin fast", "balance roundrobin", []string{
		`unexpected "fast": the line should have ended before it`, "Caddyfile:5",
	}},
	{"redispatch on", inBackend, "redispatch on", "redispatch", []string{
		`redispatch: "on": expected nothing, off, or a whole number from -100 to 100 other than 0`, "Caddyfile:5",
	}},
	{"a duration without unit", inBackend, "timeouts connect 5", "timeouts connect 5s", []string{
		`connect: "5" is not a duration: expected a number with a unit, such as 500ms, 5s or 1m`, "Caddyfile:5",
	}},
	{"a negative duration", inBackend, "timeouts {\n client 1m\n server -5s\n}", "timeouts {\n client 1m\n server 5s\n}", []string{
		`server: -5s: expected a duration greater than zero`, "Caddyfile:7",
	}},
	{"the same backend twice", inBackend, "}\nbackend web {\nserver s1 127.0.0.1:9442", "}\nbackend api {\nserver s1 127.0.0.1:9442", []string{
		`backend "web" is defined twice`, "Caddyfile:6",
	}},
	{"the same backend in two blocks", inBackend, "}\n}\npassthrough {\nbackend web {\nserver s1 127.0.0.1:9442", "}\n}\npassthrough {\nbackend api {\nserver s1 127.0.0.1:9442", []string{
		`backend "web" is defined twice`, "Caddyfile:8",
	}},
	{"a backend's name with a slash", inBackend, "}\nbackend w/b {\nserver s1 127.0.0.1:9442", "}\nbackend w-b {\nserver s1 127.0.0.1:9442", []string{
		`name "w/b": expected letters, digits`, "Caddyfile:6",
	}},
	{"a misspelled block", inBackend, "}\nbackends api {\nserver s1 127.0.0.1:9442", "}\nbackend api {\nserver s1 127.0.0.1:9442", []string{
		`unknown option "backends"; did you mean "backend"? (known: backend, frontend, grace_period, log, max_conn_rate, max_sess_rate, maxconn, metrics, overload, peers, removed_server_timeout, resolvers, set_var, socket, status_page, stick_counters, stick_table)`, "Caddyfile:6",
	}},
	{"a log without a file", inBackend, "}\nlog\nbackend api {\nserver s1 127.0.0.1:9442", "}\nbackend api {\nserver s1 127.0.0.1:9442", []string{
		`"log" needs an argument`, "Caddyfile:6",
	}},
	{"a backend with two names", inBackend, "}\nbackend api web2 {\nserver s1 127.0.0.1:9442", "}\nbackend api {\nserver s1 127.0.0.1:9442", []string{
		`unexpected "web2": the line should have ended before it`, "Caddyfile:6",
	}},
}

var frontendMistakes = []mistake{
	{"no time for the hello", inFrontend, "default_backend web\ninspect_delay 0", "default_backend web\ninspect_delay 1ms", []string{
		`inspect_delay: 0s: expected a duration greater than zero`, "Caddyfile:13",
	}},
	{"a word for a time", inFrontend, "default_backend web\ninspect_delay soon", "default_backend web\ninspect_delay 1d", []string{
		`inspect_delay: "soon" is not a duration: expected a number with a unit`, "Caddyfile:13",
	}},
	{"an unknown alias in a log format", inFrontend, "default_backend web\nlog_format \"%ci %sni\"", "default_backend web\nlog_format \"%ci %s\"", []string{
		"log_format: no such format alias 'sni'", "Caddyfile:13",
	}},
	{"an unknown event for the log", inFrontend, "default_backend web\nlog_as_soon_as connect", "default_backend web\nlog_as_soon_as connected", []string{
		`log_as_soon_as: unknown`, "Caddyfile:13",
	}},
	{"a hello too long for TLS", inFrontend, "default_backend web\nmax_hello 65537", "default_backend web\nmax_hello 65536", []string{
		`max_hello: "65537": expected a whole number from 256 to 65536`, "Caddyfile:13",
	}},
	{"a rule without backend", inFrontend, "use_backend", "use_backend web", []string{
		`use_backend: expected the name of a backend`, "Caddyfile:12",
	}},
	{"a rule with a matcher for a backend", inFrontend, "use_backend sni www.example.com", "use_backend web sni www.example.com", []string{
		`use_backend: expected the name of a backend before sni`, "Caddyfile:12",
	}},
	{"a map without file", inFrontend, "use_backend_map", "use_backend_map caddyfile/web.map", []string{
		`use_backend_map: expected the name of a file`, "Caddyfile:12",
	}},
	{"a map with a matcher for a file", inFrontend, "use_backend_map sni www.example.com", "use_backend web sni www.example.com", []string{
		`use_backend_map: expected the name of a file before sni`, "Caddyfile:12",
	}},
	{"a placeholder that does not end", inFrontend, "use_backend x-{l4.client_hello.sni", "use_backend x-{l4.client_hello.sni}", []string{
		`name "x-{l4.client_hello.sni": expected letters, digits, any of -_.: and placeholders such as {l4.client_hello.sni}`, "Caddyfile:12",
	}},
	{"a placeholder in an action", inFrontend, "default_backend web\non no_match backend {l4.client_hello.sni}", "default_backend web\non no_match backend web", []string{
		`on no_match: name "{l4.client_hello.sni}": expected letters, digits`, "Caddyfile:13",
	}},
	{"an invalid expression", inFrontend, "use_backend web sni_regexp (www", "use_backend web sni_regexp (www)", []string{
		"sni_regexp: \"(www\": error parsing regexp: missing closing )", "Caddyfile:12",
	}},
	{"an unknown version", inFrontend, "use_backend web version tls1.3", "use_backend web version 1.3", []string{
		`version: "tls1.3": expected ssl3, 1.0, 1.1, 1.2, 1.3 or a range such as 1.0-1.2, 1.2- or -1.1`, "Caddyfile:12",
	}},
	{"a range the wrong way round", inFrontend, "use_backend web version 1.3-1.2", "use_backend web version 1.2-1.3", []string{
		`version: "1.3-1.2": expected ssl3`, "Caddyfile:12",
	}},
	{"a JA4 for a JA3", inFrontend, "use_backend web ja3 t13d1516h2_8daaf6152771_e5627efa2ab1", "use_backend web ja4 t13d1516h2_8daaf6152771_e5627efa2ab1", []string{
		`ja3: "t13d1516h2_8daaf6152771_e5627efa2ab1": expected a JA3 fingerprint, 32 hexadecimal digits in lower case`, "Caddyfile:12",
	}},
	{"half a JA4", inFrontend, "use_backend web ja4 t13d1516h2_8daaf6152771", "use_backend web ja4 t13d1516h2_8daaf6152771_*", []string{
		`ja4: "t13d1516h2_8daaf6152771": expected a JA4 fingerprint such as t13d1516h2_8daaf6152771_e5627efa2ab1`, "Caddyfile:12",
	}},
	{"an argument for ech", inFrontend, "use_backend web {\nech on\n}", "use_backend web {\nech\n}", []string{
		`unexpected "on": the line should have ended before it`, "Caddyfile:13",
	}},
	{"an unknown matcher", inFrontend, "use_backend web snii www.example.com", "use_backend web sni www.example.com", []string{
		`unknown option "snii"; did you mean "sni"? (known: acl, alpn, client_hello, `, "Caddyfile:12",
	}},
	{"an unknown matcher in a block", inFrontend, "use_backend web {\nalpn h2\nremoteip 10.0.0.1\n}", "use_backend web {\nalpn h2\nremote_ip 10.0.0.1\n}", []string{
		`unknown option "remoteip"; did you mean "remote_ip"?`, "Caddyfile:14",
	}},
	{"a rule with a matcher twice", inFrontend, "use_backend web {\nsni a.example.com\nsni b.example.com\n}", "use_backend web {\nsni a.example.com b.example.com\n}", []string{
		`option "sni" is given twice`, "Caddyfile:14",
	}},
	{"a matcher without argument", inFrontend, "use_backend web sni", "use_backend web sni a.example.com", []string{
		`"sni" needs at least one argument`, "Caddyfile:12",
	}},
	{"two matchers on one line", inFrontend, "use_backend web sni a.example.com alpn h2", "use_backend web sni a.example.com {\nalpn h2\n}", []string{
		`sni takes the rest of its line: expected alpn on a line of its own, in a block`, "Caddyfile:12",
	}},
	{"sni beside client_hello", inFrontend, "use_backend web sni a.example.com {\nclient_hello alpn h2\n}", "use_backend web client_hello {\nsni a.example.com\nalpn h2\n}", []string{
		`rule for backend "web": sni, alpn and the like are fields of client_hello: expected either them or client_hello`, "Caddyfile:14",
	}},
	{"a name with two dots", inFrontend, "use_backend web sni www..example.com", "use_backend web sni www.example.com", []string{
		`"www..example.com": empty label, expected labels with one dot between them`, "Caddyfile:12",
	}},
	{"a star within a name", inFrontend, "use_backend web sni www.*.com", "use_backend web sni *.example.com", []string{
		`"www.*.com": "*" within the name, expected it as the whole first label`, "Caddyfile:12",
	}},
	{"a name with a port", inFrontend, "use_backend web sni www.example.com:443", "use_backend web sni www.example.com", []string{
		`"www.example.com:443": port or IPv6 address, expected a name only`, "Caddyfile:12",
	}},
	{"protocols with a comma", inFrontend, "use_backend web alpn h2,http/1.1", "use_backend web alpn h2 http/1.1", []string{
		`alpn: "h2,http/1.1": expected a protocol name such as h2 or http/1.1`, "Caddyfile:12",
	}},
	{"the default backend twice", inFrontend, "default_backend web\ndefault_backend web", "default_backend web", []string{
		`option "default_backend" is given twice`, "Caddyfile:13",
	}},
	{"two default backends", inFrontend, "default_backend web api", "default_backend web", []string{
		`unexpected "api": the line should have ended before it`, "Caddyfile:12",
	}},
	{"an unknown outcome", inFrontend, "default_backend web\non timout reject", "default_backend web\non timeout reject", []string{
		`on: unknown outcome "timout"; did you mean "timeout"? (known: malformed, no_match, no_server, not_tls, sslv2, timeout, too_large)`, "Caddyfile:13",
	}},
	{"an unknown action", inFrontend, "default_backend web\non timeout rejct", "default_backend web\non timeout reject", []string{
		`on timeout: unknown action "rejct"; did you mean "reject"? (known: backend NAME, close, default, drop, next, reject, reset)`, "Caddyfile:13",
	}},
	{"an outcome without action", inFrontend, "default_backend web\non timeout", "default_backend web\non timeout drop", []string{
		`expected on OUTCOME ACTION`, "Caddyfile:13",
	}},
	{"an outcome twice", inFrontend, "default_backend web\non timeout close\non timeout reset", "default_backend web\non timeout close\non not_tls reset", []string{
		`on timeout is given twice`, "Caddyfile:14",
	}},
	{"a frontend's name with a space", inFrontend, "default_backend web\nname \"a b\"", "default_backend web\nname a_b", []string{
		`name "a b": expected letters, digits`, "Caddyfile:13",
	}},
	{"a misspelled option of a frontend", inFrontend, "default_backend web\ninspectdelay 5s", "default_backend web\ninspect_delay 5s", []string{
		`unknown option "inspectdelay"; did you mean "inspect_delay"? (known: inspect_delay, `, "Caddyfile:13",
	}},
	{"a block where none is", inFrontend, "default_backend web {\n}", "default_backend web", []string{
		`unexpected block: the word before '{' takes none`, "Caddyfile:12",
	}},
}

// Mistakes within one block, which adaptation finds.
var blockMistakes = []mistake{
	{"a backend without servers", inBackend, "}\nbackend api {", "}\nbackend api {\nserver s1 127.0.0.1:9442", []string{
		`backend "api": it has no servers: expected at least one`, "Caddyfile:6",
	}},
	{"minconn without fullconn", inBackend, "server s2 127.0.0.1:9442 maxconn 10 minconn 5", "server s2 127.0.0.1:9442 maxconn 10 minconn 5\nfullconn 20", []string{
		`backend "web": server "s2": minconn 5 is below maxconn 10, and the backend has no fullconn: expected fullconn`, "Caddyfile:5",
	}},
	{"a frontend that leads nowhere", inFrontend, "name tls", "name tls\nserver s1 127.0.0.1:9442", []string{
		`frontend "tls": no backend for its connections: expected use_backend, default_backend or servers of its own`, "Caddyfile:11",
	}},
	{"two kinds of default backend", inFrontend, "server s1 127.0.0.1:9442\ndefault_backend web", "server s1 127.0.0.1:9442\nuse_backend web sni a.example.com", []string{
		`frontend "default": it has options of an anonymous backend (servers, balance ...) and default_backend "web": expected one of the two`, "Caddyfile:11",
	}},
	{"timeouts of a frontend", inFrontend, "default_backend web\ntimeouts client 5m", "default_backend web\ntimeout_client 5m", []string{
		`frontend "default": its timeouts are those of a backend, and it has no servers of its own: write them in the backends; for the client's timeout in this frontend write timeout_client`, "Caddyfile:11",
	}},
	{"options of a backend without servers", inFrontend, "use_backend web sni a.example.com\nretries 1", "use_backend web sni a.example.com\nretries 1\nserver s1 127.0.0.1:9442", []string{
		`frontend "default": it has options of a backend (balance, retries ...) and no servers of its own: write them in the backends`, "Caddyfile:11",
	}},
	{"options of a backend alone", inFrontend, "balance leastconn", "balance leastconn\nserver s1 127.0.0.1:9442", []string{
		`backend "default": it has no servers: expected at least one`, "Caddyfile:11",
	}},
}

// Mistakes that only the whole configuration shows. The error begins with the line in the
// Caddyfile.
var wholeMistakes = []mistake{
	{"a rule's unknown backend", inFrontend, "use_backend web sni a.example.com\nuse_backend wbe sni b.example.com", "use_backend web sni a.example.com\nuse_backend web sni b.example.com", []string{
		`Caddyfile:13: frontend "default": rule 2: backend "wbe" is not defined; did you mean "web"? (known: web)`,
	}},
	{"an unknown default backend", inFrontend, "name tls\ndefault_backend wbe", "name tls\ndefault_backend web", []string{
		`Caddyfile:13: frontend "tls": default_backend: backend "wbe" is not defined; did you mean "web"? (known: web)`,
	}},
	{"an action's unknown backend", inFrontend, "default_backend web\non timeout backend sorry", "default_backend web\non timeout backend web", []string{
		`Caddyfile:13: frontend "default": on timeout: backend "sorry" is not defined (known: web)`,
	}},
	{"two frontends of one name", inFrontend, "name tls\ndefault_backend web\n}\npassthrough {\nname tls\ndefault_backend web", "name tls\ndefault_backend web\n}\npassthrough {\nname tls2\ndefault_backend web", []string{
		`Caddyfile:15: frontend "tls": another frontend is named "tls" already (Caddyfile:11): give one of them a name of its own (option name)`,
	}},
	{"a map that is not there", inFrontend, "use_backend_map missing.map", "use_backend_map caddyfile/web.map", []string{
		`Caddyfile:12: frontend "default": rule 1: backend_map: open missing.map: no such file or directory`,
	}},
	{"a list that is not there", inFrontend, "use_backend web sni_file missing.txt", "use_backend web sni_file caddyfile/names.txt", []string{
		`Caddyfile:12: frontend "default": rule 1: loading matchers: module name 'client_hello'`, `sni_file: open missing.txt: no such file or directory`,
	}},
	{"a list of content that is not there", inFrontend, "default_backend web\ncontent {\nclose sni_file missing.txt\n}", "default_backend web\ncontent {\nclose sni_file caddyfile/names.txt\n}", []string{
		`Caddyfile:13: frontend "default": content: rule 1: loading matchers:`, `sni_file: open missing.txt: no such file or directory`,
	}},
	{"authorities that are not there", inBackend, "retries 1\ncheck tls {\nca missing.pem\n}", "retries 1\ncheck tls {\nverify none\n}", []string{
		`Caddyfile:6: backend "web": check: loading checker "tls":`, `ca: open missing.pem: no such file or directory`,
	}},
	{"a server's authorities that are not there", inBackend, "server s2 127.0.0.1:9442 {\ncheck tls {\nca missing.pem\n}\n}", "server s2 127.0.0.1:9442 {\ncheck tls\n}", []string{
		`Caddyfile:5: backend "web": server 2 "s2": check: loading checker "tls":`, `ca: open missing.pem: no such file or directory`,
	}},
	{"a server that is tracked and not there", inBackend, "server s2 127.0.0.1:9442 track web/s3", "server s2 127.0.0.1:9442 track web/s1\ncheck", []string{
		`Caddyfile:5: backend "web": server 2 "s2": track web/s3: backend "web" has no server "s3"`,
	}},
	{"observe without a check", inBackend, "server s2 127.0.0.1:9442 observe layer4", "server s2 127.0.0.1:9442 observe layer4 check", []string{
		`Caddyfile:5: backend "web": server 2 "s2": it has observe layer4 and no check`,
	}},
	{"a hidden rule", inFrontend, "use_backend web sni *.example.com\nuse_backend web sni www.example.com", "use_backend web sni www.example.com\nuse_backend web sni *.example.com", []string{
		`Caddyfile:13: frontend "default": rule 2 (backend "web") can never match`, `rule 1 (backend "web"); move it up or remove it`,
	}},
	{"a rule after one for all", inFrontend, "use_backend web client_hello\nuse_backend web sni www.example.com", "use_backend web sni www.example.com\nuse_backend web client_hello", []string{
		`Caddyfile:13: frontend "default": rule 2 (backend "web") can never match`, `first of them rule 1 (backend "web")`,
	}},
	{"a default where there is none", inFrontend, "use_backend web sni a.example.com\non timeout default", "default_backend web\non timeout default", []string{
		`Caddyfile:13: frontend "default": on timeout: action "default": expected a default_backend, or servers of the frontend's own`,
	}},
	{"a frontend named like a backend", inFrontend, "name web\nserver s1 127.0.0.1:9442", "name tls\nserver s1 127.0.0.1:9442", []string{
		`Caddyfile:11: frontend "web": its own servers form backend "web", and the app has one of that name: rename one of the two`,
	}},
	{"a matcher's bad argument", inFrontend, "use_backend web remote_ip 10.0.0.0/33", "use_backend web remote_ip 10.0.0.0/32", []string{
		`Caddyfile:12: frontend "default": rule 1: loading matchers: module name 'remote_ip'`, "10.0.0.0/33", "prefix length out of range",
	}},
	{"a snippet's unknown backend", inSnippet, "use_backend wbe sni a.example.com", "use_backend web sni a.example.com", []string{
		`Caddyfile:3: frontend "default": rule 1: backend "wbe" is not defined; did you mean "web"?`,
	}},
}

var jsonMistakes = []mistake{
	{"a weight above the highest", jsonBackend, `{"servers": [{"name": "s1", "address": "127.0.0.1:1", "weight": 300}]}`, `{"servers": [{"name": "s1", "address": "127.0.0.1:1", "weight": 256}]}`, []string{
		`backend "web": server 1 "s1": weight 300: expected a whole number from 0 to 256`,
	}},
	{"negative retries", jsonBackend, `{"retries": -1, "servers": [{"name": "s1", "address": "127.0.0.1:1"}]}`, `{"retries": 0, "servers": [{"name": "s1", "address": "127.0.0.1:1"}]}`, []string{
		`backend "web": retries -1: expected a whole number from 0 to 100`,
	}},
	{"a negative timeout", jsonBackend, `{"timeouts": {"client": "-1s"}, "servers": [{"name": "s1", "address": "127.0.0.1:1"}]}`, `{"timeouts": {"client": "1s"}, "servers": [{"name": "s1", "address": "127.0.0.1:1"}]}`, []string{
		`backend "web": timeouts.client -1s: expected a duration greater than zero`,
	}},
	{"a timeout without a unit", jsonBackend, `{"timeouts": {"client": 30}, "servers": [{"name": "s1", "address": "127.0.0.1:1"}]}`, `{"timeouts": {"client": "30s"}, "servers": [{"name": "s1", "address": "127.0.0.1:1"}]}`, []string{
		`backend "web": timeouts.client 30ns: expected at least 1ms: numbers without a unit are nanoseconds: write "30s"`,
	}},
	{"a placeholder of nothing", jsonBackend, `{"servers": [{"name": "s1", "address": "{l4.client_helo.sni}:443"}]}`, `{"servers": [{"name": "s1", "address": "{l4.client_hello.sni}:443"}]}`, []string{
		`backend "web": server 1 "s1": address "{l4.client_helo.sni}:443": placeholder {l4.client_helo.sni}: nothing provides it; did you mean {l4.client_hello.sni}?`,
	}},
	{"an unknown field", jsonBackend, `{"servers": [{"name": "s1", "address": "127.0.0.1:1", "wieght": 2}]}`, `{"servers": [{"name": "s1", "address": "127.0.0.1:1", "weight": 2}]}`, []string{
		`passthrough: json: unknown field "wieght"`,
	}},
	{"a null for a server", jsonBackend, `{"servers": [{"name": "s1", "address": "127.0.0.1:1"}, null]}`, `{"servers": [{"name": "s1", "address": "127.0.0.1:1"}]}`, []string{
		`backend "web": server 2: expected an object with name and address`,
	}},
	{"a null for a backend", jsonBackend, `null`, `{"servers": [{"name": "s1", "address": "127.0.0.1:1"}]}`, []string{
		`backend "web": expected an object with servers`,
	}},
	{"two servers of one name", jsonBackend, `{"servers": [{"name": "s1", "address": "127.0.0.1:1"}, {"name": "s1", "address": "127.0.0.1:2"}]}`, `{"servers": [{"name": "s1", "address": "127.0.0.1:1"}, {"name": "s2", "address": "127.0.0.1:1"}]}`, []string{
		`backend "web": servers 1 and 2 are both named "s1": expected names that differ`,
	}},
	{"a server without name", jsonBackend, `{"servers": [{"address": "127.0.0.1:1"}]}`, `{"servers": [{"name": "s1", "address": "127.0.0.1:1"}]}`, []string{
		`backend "web": server 1 "": it has no name`,
	}},
	{"a rule without backend", jsonFrontend, `"rules": [{"match": [{"client_hello": {"sni": ["a.example.com"]}}]}]`, `"rules": [{"match": [{"client_hello": {"sni": ["a.example.com"]}}], "backend": "web"}]`, []string{
		`frontend "default": rule 1: it has no backend`,
	}},
	{"a rule with a backend and a map", jsonFrontend, `"rules": [{"backend": "web", "backend_map": "sites.map"}]`, `"rules": [{"backend": "web"}]`, []string{
		`frontend "default": rule 1: it has backend "web" and backend_map "sites.map": expected one of the two`,
	}},
	{"an address that is no template", jsonBackend, `{"servers": [{"name": "s1", "address": "{l4.client_hello.sni}"}]}`, `{"servers": [{"name": "s1", "address": "{l4.client_hello.sni}:443"}]}`, []string{
		`backend "web": server 1 "s1": address "{l4.client_hello.sni}": expected HOST:PORT, with placeholders such as {l4.client_hello.sni}:443`,
	}},
	{"a null for a rule", jsonFrontend, `"rules": [null]`, `"rules": [{"backend": "web"}]`, []string{
		`frontend "default": rule 1: expected an object with match, and backend or action`,
	}},
	{"a bad name pattern", jsonFrontend, `"rules": [{"match": [{"client_hello": {"sni": ["https://a.example.com"]}}], "backend": "web"}]`, `"rules": [{"match": [{"client_hello": {"sni": ["a.example.com"]}}], "backend": "web"}]`, []string{
		`frontend "default": rule 1: `, `"https://a.example.com": URL or path, expected a name such as "www.example.com"`,
	}},
	{"a negative delay", jsonFrontend, `"default_backend": "web", "inspect_delay": "-5s"`, `"default_backend": "web", "inspect_delay": "5s"`, []string{
		`frontend "default": inspect_delay -5s: expected a duration greater than zero`,
	}},
	{"a log format with an unknown fetch", jsonFrontend, `"default_backend": "web", "log_format": "%[req.ssl_snii]"`, `"default_backend": "web", "log_format": "%[req.ssl_sni]"`, []string{
		`log_format "%[req.ssl_snii]": failed to parse sample expression`, "unknown fetch method 'req.ssl_snii'",
	}},
	{"two answers to when connections are logged", jsonFrontend, `"default_backend": "web", "log_as_soon_as": "connected", "log_steps": ["closed"]`, `"default_backend": "web", "log_steps": ["closed"]`, []string{
		"log_as_soon_as and log_steps are mutually exclusive",
	}},
	{"an unknown step", jsonFrontend, `"default_backend": "web", "log_steps": ["close"]`, `"default_backend": "web", "log_steps": ["closed"]`, []string{
		`log_steps: unknown`, "closed",
	}},
	{"a hello too short for TLS", jsonFrontend, `"default_backend": "web", "max_hello": 255`, `"default_backend": "web", "max_hello": 256`, []string{
		`frontend "default": max_hello 255: expected a number of bytes from 256 to 65536`,
	}},
	{"an unknown outcome", jsonFrontend, `"default_backend": "web", "on": {"timout": "close"}`, `"default_backend": "web", "on": {"timeout": "close"}`, []string{
		`frontend "default": on: unknown outcome "timout"; did you mean "timeout"?`,
	}},
	{"an unknown action", jsonFrontend, `"default_backend": "web", "on": {"timeout": "rset"}`, `"default_backend": "web", "on": {"timeout": "reset"}`, []string{
		`frontend "default": on timeout: unknown action "rset"; did you mean "reset"?`,
	}},
	{"a name with a space", jsonFrontend, `"default_backend": "web", "name": "a b"`, `"default_backend": "web", "name": "a.b"`, []string{
		`frontend "a b": name "a b": expected letters, digits`,
	}},
}
