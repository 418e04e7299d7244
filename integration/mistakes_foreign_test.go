// SPDX-License-Identifier: Apache-2.0

package integration

// foreignMistakes are words of HAProxy, nginx, Traefik and Caddy's own proxies, where users of
// those would write them.
var foreignMistakes = []mistake{
	{"an address for a name", inBackend, "server 127.0.0.1:9442 127.0.0.1:9443", "server s2 127.0.0.1:9442\nserver s3 127.0.0.1:9443", []string{
		`server: "127.0.0.1:9442" reads as an address: expected server NAME ADDRESS: give each server a name and a line of its own: server s1 127.0.0.1:9442`, "Caddyfile:5",
	}},
	{"an address alone", inBackend, "server 127.0.0.1:9442", "server s2 127.0.0.1:9442", []string{
		`server: "127.0.0.1:9442" reads as an address: expected server NAME ADDRESS: give the server a name: server s1 127.0.0.1:9442`, "Caddyfile:5",
	}},
	{"an address for a backend", inFrontend, "default_backend 127.0.0.1:9442", "server s1 127.0.0.1:9442", []string{
		`"127.0.0.1:9442" reads as an address: expected a name`, "Caddyfile:12",
	}},
	{"host for a matcher", inFrontend, "use_backend web host www.example.com", "use_backend web sni www.example.com", []string{
		`unknown option "host"; did you mean "sni"? (known: `, " sni,", "Caddyfile:12",
	}},
	{"a matcher without a rule", inFrontend, "sni www.example.com", "use_backend web sni www.example.com", []string{
		`"sni" is not an option here: it belongs in a rule: use_backend NAME sni www.example.com`, "Caddyfile:12",
	}},
	{"host without a rule", inFrontend, "host www.example.com", "use_backend web sni www.example.com", []string{
		`unknown option "host"; did you mean "sni"? It is not an option here: it belongs in a rule: use_backend NAME sni`, "Caddyfile:12",
	}},
	{"a path of HTTP", inFrontend, "use_backend web path /api", "use_backend web sni www.example.com", []string{
		`"path" is not an option here: it is inside TLS, which is passed through unchanged`, "Caddyfile:12",
	}},
	{"a source for a matcher", inFrontend, "use_backend web src 10.0.0.0/8", "use_backend web remote_ip 10.0.0.0/8", []string{
		`unknown option "src"; did you mean "remote_ip"?`, "Caddyfile:12",
	}},
	{"http2 for a protocol", inFrontend, "use_backend web alpn http2", "use_backend web alpn h2", []string{
		`alpn: "http2": ALPN's name for it is h2: write h2`, "Caddyfile:12",
	}},
	{"a protocol over QUIC", inFrontend, "use_backend web alpn http3", "use_backend web alpn http/1.1", []string{
		`alpn: "http3": ALPN's name for HTTP/3 is h3, and it runs over QUIC`, "Caddyfile:12",
	}},
	{"microseconds", inBackend, "timeouts connect 500us", "timeouts connect 500ms", []string{
		`connect 500µs: expected at least 1ms`, "Caddyfile:5",
	}},
	{"a misspelled placeholder", inFrontend, "use_backend {l4.client_helo.sni}", "use_backend {l4.client_hello.sni}", []string{
		`placeholder {l4.client_helo.sni}: nothing provides it; did you mean {l4.client_hello.sni}? (known: `, "Caddyfile:12",
	}},
	{"a placeholder of nothing in an address", inBackend, "server s2 {l4.tls.sni}:443", "server s2 {l4.client_hello.sni}:443", []string{
		`server "s2": address "{l4.tls.sni}:443": placeholder {l4.tls.sni}: nothing provides it; did you mean {l4.client_hello.sni}?`, "Caddyfile:5",
	}},
	{"a placeholder of nothing in a key", inBackend, "balance hash {http.request.host}", "balance hash {l4.client_hello.sni}", []string{
		`placeholder {http.request.host}: nothing provides it; did you mean {l4.client_hello.sni}?`, "Caddyfile:5",
	}},
	{"a placeholder of no module", inBackend, "balance hash {geo.country}", "balance hash {l4.vars.country}", []string{
		`placeholder {geo.country}: nothing provides it (known: {l4.client_hello.`, "Caddyfile:5",
	}},
	{"HAProxy's inter", inBackend, "check {\ninter 2s\n}", "check {\ninterval 2s\n}", []string{
		`unknown option "inter"; did you mean "interval"?`, "Caddyfile:6",
	}},
	{"HAProxy's inter on a server's line", inBackend, "server s2 127.0.0.1:9442 check inter 2s", "server s2 127.0.0.1:9442 check", []string{
		`"inter" is not an option here: it is interval in the block of a check`, "Caddyfile:5",
	}},
	{"HAProxy's send-proxy", inBackend, "server s2 127.0.0.1:9442 send-proxy", "server s2 127.0.0.1:9442 send_proxy v1", []string{
		`unknown option "send-proxy"; did you mean "send_proxy"?`, "Caddyfile:5",
	}},
	{"send_proxy_v2", inBackend, "server s2 127.0.0.1:9442 send_proxy_v2", "server s2 127.0.0.1:9442 send_proxy v2", []string{
		`"send_proxy_v2" is not an option here: it is written send_proxy v1 or send_proxy v2`, "Caddyfile:5",
	}},
	{"ssl for a server", inBackend, "server s2 127.0.0.1:9442 ssl verify none", "server s2 127.0.0.1:9442", []string{
		`"ssl" is not an option here: TLS is passed through as it is, and servers hold the certificates`, "Caddyfile:5",
	}},
	{"a backend's option on a server's line", inBackend, "server s2 127.0.0.1:9442 retries 3", "server s2 127.0.0.1:9442\nretries 3", []string{
		`"retries" is not an option here: it belongs in a backend`, "Caddyfile:5",
	}},
	{"a server's option in a backend", inBackend, "maxconn 10", "server s2 127.0.0.1:9442 maxconn 10", []string{
		`"maxconn" is not an option here: it belongs on a server's line`, "Caddyfile:5",
	}},
	{"HAProxy's option", inBackend, "option redispatch", "redispatch", []string{
		`"option" is not an option here: options are written without the word option, with underscores`, "Caddyfile:5",
	}},
	{"HAProxy's mode", inBackend, "mode tcp", "retries 3", []string{
		`"mode" is not an option here: all connections are passed through as they are`, "Caddyfile:5",
	}},
	{"HAProxy's timeout", inBackend, "timeout connect 5s", "timeouts connect 5s", []string{
		`unknown option "timeout"; did you mean "timeouts"?`, "Caddyfile:5",
	}},
	{"a frontend's timeout", inFrontend, "default_backend web\ntimeout client 1m", "default_backend web\ntimeout_client 1m", []string{
		`unknown option "timeout"; did you mean "timeout_client"?`, "Caddyfile:13",
	}},
	{"caddy-l4's lb_policy", inBackend, "lb_policy round_robin", "balance roundrobin", []string{
		`unknown option "lb_policy"; did you mean "balance"?`, "Caddyfile:5",
	}},
	{"nginx's least_conn", inBackend, "least_conn", "balance leastconn", []string{
		`unknown option "least_conn"; did you mean "balance leastconn"?`, "Caddyfile:5",
	}},
	{"nginx's ip_hash", inBackend, "balance ip_hash", "balance source", []string{
		`balance: unknown policy "ip_hash"; did you mean "source"?`, "Caddyfile:5",
	}},
	{"nginx's proxy_connect_timeout", inBackend, "proxy_connect_timeout 5s", "timeouts connect 5s", []string{
		`unknown option "proxy_connect_timeout"; did you mean "timeouts connect"?`, "Caddyfile:5",
	}},
	{"caddy-l4's upstream", inBackend, "upstream 127.0.0.1:9442", "server s2 127.0.0.1:9442", []string{
		`unknown option "upstream"; did you mean "server"?`, "Caddyfile:5",
	}},
	{"to in a frontend", inFrontend, "to 127.0.0.1:9442", "server s1 127.0.0.1:9442", []string{
		`unknown option "to"; did you mean "server"?`, "Caddyfile:12",
	}},
	{"another checker's option", inBackend, "check tcp {\npath /health\n}", "check http {\npath /health\n}", []string{
		`"path" is not an option here: it is an option of check http`, "Caddyfile:6",
	}},
	{"a handler in the app's block", inBackend, "}\npassthrough {\nserver s1 127.0.0.1:9442", "}\nfrontend tls {\nbind :9443\nserver s1 127.0.0.1:9442", []string{
		`"passthrough" is not an option here: a frontend is frontend NAME { … } here, or passthrough in a layer4 route: layer4 { durable/:443 { route { passthrough { … } } } }`, "Caddyfile:6",
	}},
	{"an address in the app's block", inBackend, "}\nbind :9443\nbackend tls {\nserver s1 127.0.0.1:9442", "}\nfrontend tls {\nbind :9443\nserver s1 127.0.0.1:9442", []string{
		`"bind" is not an option here: a frontend has the address: frontend NAME { bind :443 … }`, "Caddyfile:6",
	}},
	{"a server in the app's block", inBackend, "}\nserver s1 127.0.0.1:9442\nbackend tls {\nserver s1 127.0.0.1:9442", "}\nbackend tls {\nserver s1 127.0.0.1:9442", []string{
		`"server" is not an option here: it belongs in a backend`, "Caddyfile:6",
	}},
	{"HAProxy's bind", inFrontend, "bind :443\ndefault_backend web", "default_backend web", []string{
		`"bind" is not an option here: layer4 has the address: layer4 { durable/:443 { route { passthrough { … } } } }; to write it here, make this a frontend of the app: passthrough { frontend NAME { bind :443 … } }`, "Caddyfile:12",
	}},
	{"HAProxy's tcp-request", inFrontend, "tcp-request inspect-delay 5s\ndefault_backend web", "inspect_delay 5s\ndefault_backend web", []string{
		`unknown option "tcp-request"; did you mean "content"?`, "Caddyfile:12",
	}},
	{"a hyphen for an underscore", inFrontend, "default-backend web", "default_backend web", []string{
		`unknown option "default-backend"; did you mean "default_backend"?`, "Caddyfile:12",
	}},
	{"an action without a rule", inFrontend, "accept\ndefault_backend web", "content {\naccept\n}\ndefault_backend web", []string{
		`"accept" is not an option here: it belongs in content, connection or session`, "Caddyfile:12",
	}},
}
