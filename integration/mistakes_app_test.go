// SPDX-License-Identifier: Apache-2.0

package integration

// Mistakes in a frontend of the app.
var appFrontendMistakes = []mistake{
	{"an app's frontend without an address", inApp, "default_backend web", "bind :9443\ndefault_backend web", []string{
		`frontend "tls": no address to listen on: expected bind, such as bind :443`, "Caddyfile:3",
	}},
	{"an address without a colon", inApp, "default_backend web\nbind 9443", "default_backend web\nbind :9443", []string{
		`bind: address "9443": expected HOST:PORT or :PORT, such as :443 or [::1]:8443`, "Caddyfile:5",
	}},
	{"a path without its network", inApp, "default_backend web\nbind /run/lb.sock", "default_backend web\nbind unix//run/lb.sock", []string{
		`bind: address "/run/lb.sock": expected unix/ before the path of a socket: unix//run/lb.sock`, "Caddyfile:5",
	}},
	{"a datagram address", inApp, "default_backend web\nbind udp/:9443", "default_backend web\nbind tcp/:9443", []string{
		`bind: address "udp/:9443": expected one of TCP or a Unix socket of streams`, "Caddyfile:5",
	}},
	{"a misspelled option of bind", inApp, "default_backend web\nbind :9443 {\nnamee public\n}", "default_backend web\nbind :9443 {\nname public\n}", []string{
		`unknown option "namee"; did you mean "name"?`, "Caddyfile:6",
	}},
	{"a rule in bind", inApp, "bind :9443 {\ndefault_backend web\n}\ndefault_backend web", "bind :9443\ndefault_backend web", []string{
		`unknown option "default_backend"`, "Caddyfile:5",
	}},
	{"the handler's name", inApp, "bind :9443\nname tls\ndefault_backend web", "bind :9443\ndefault_backend web", []string{
		`"name" is not an option here: the name follows the word frontend`, "Caddyfile:5",
	}},
	{"an app's frontend that leads nowhere", inApp, "bind :9443", "bind :9443\nserver s1 127.0.0.1:9442", []string{
		`frontend "tls": no backend for its connections: expected use_backend, default_backend or servers of its own`, "Caddyfile:3",
	}},
	{"a frontend without a name", inApp, "bind :9443\ndefault_backend web\n}\nfrontend {\nbind :9444\ndefault_backend web", "bind :9443\ndefault_backend web\n}\nfrontend b {\nbind :9444\ndefault_backend web", []string{
		`frontend: expected a name`, "Caddyfile:7",
	}},
	{"an address for a frontend's name", inApp, "bind :9443\ndefault_backend web\n}\nfrontend :9444 {\ndefault_backend web", "bind :9443\ndefault_backend web\n}\nfrontend b {\nbind :9444\ndefault_backend web", []string{
		`frontend: ":9444" reads as an address: expected a name`, "Caddyfile:7",
	}},
	{"the same frontend twice", inApp, "bind :9443\ndefault_backend web\n}\nfrontend tls {\nbind :9444\ndefault_backend web", "bind :9443\ndefault_backend web\n}\nfrontend b {\nbind :9444\ndefault_backend web", []string{
		`frontend "tls" is defined twice`, "Caddyfile:7",
	}},
	{"the same frontend in two blocks", inApp, "bind :9443\ndefault_backend web\n}\n}\npassthrough {\nfrontend tls {\nbind :9444\ndefault_backend web", "bind :9443\ndefault_backend web\n}\n}\npassthrough {\nfrontend b {\nbind :9444\ndefault_backend web", []string{
		`frontend "tls" is defined twice`, "Caddyfile:9",
	}},
}

// beside returns a layer4 server with a frontend, following the app's block of inApp.
func beside(address, name string) string {
	return "bind :9443\ndefault_backend web\n}\n}\nlayer4 {\ndurable/" + address + " {\nroute {\npassthrough {\nname " + name + "\nserver s1 127.0.0.1:9442\n}\n}\n}\n}\npassthrough {\nbackend other {\nserver s1 127.0.0.1:9442"
}

var wholeAppMistakes = []mistake{
	{"an app's frontend with an unknown backend", inApp, "bind :9443\nuse_backend wbe sni a.test\ndefault_backend web", "bind :9443\nuse_backend web sni a.test\ndefault_backend web", []string{
		`Caddyfile:5: frontend "tls": rule 1: backend "wbe" is not defined; did you mean "web"? (known: web)`,
	}},
	{"a frontend of layer4 with the name of the app's", inApp, beside(":9444", "tls"), beside(":9444", "tls2"), []string{
		`Caddyfile:11: frontend "tls": another frontend is named "tls" already (Caddyfile:3): give one of them a name of its own (option name)`,
	}},
	{"a frontend of layer4 at the app's address", inApp, beside(":9443", "b"), beside(":9444", "b"), []string{
		`layer4 server "srv0" and frontend "tls" both listen on durable/:9443`, `expected two addresses, or durable+shared/:9443 in both places`,
	}},
	{"one address twice in a frontend", inApp, "bind :9443\nbind :9443\ndefault_backend web", "bind :9443\nbind :9444\ndefault_backend web", []string{
		`frontend "tls" listens twice on durable/:9443`,
	}},
	{"a misspelled network of bind", inApp, "bind durabel/:9443\ndefault_backend web", "bind durable/:9443\ndefault_backend web", []string{
		`frontend "tls" listens on "durabel/:9443": unknown network "durabel"; did you mean "durable"?`,
	}},
	{"a question about an unknown frontend", inApp, "bind :9443\nuse_backend web {\nacl {\nfe_conn(tsl) gt 3\n}\n}\ndefault_backend web", "bind :9443\nuse_backend web {\nacl {\nfe_conn(tls) gt 3\n}\n}\ndefault_backend web", []string{
		`Caddyfile:5: frontend "tls": rule 1: fe_conn: frontend "tsl" is not defined; did you mean "tls"?`,
	}},
}

var jsonAppMistakes = []mistake{
	{"an app's frontend without fields", jsonApp, `"tls": null`, `"tls": {"bind": [{"address": ":9443"}], "default_backend": "web"}`, []string{
		`apps.passthrough.frontends.tls: expected an object with bind`,
	}},
	{"an app's frontend that is no object", jsonApp, `"tls": []`, `"tls": {"bind": [{"address": ":9443"}], "default_backend": "web"}`, []string{
		`apps.passthrough.frontends.tls: expected an object with bind`,
	}},
	{"a name beside the key", jsonApp, `"tls": {"name": "x", "bind": [{"address": ":9443"}], "default_backend": "web"}`, `"tls": {"bind": [{"address": ":9443"}], "default_backend": "web"}`, []string{
		`apps.passthrough.frontends.tls: unexpected name "x": the key in frontends is the frontend's name`,
	}},
	{"an unknown field of an app's frontend", jsonApp, `"tls": {"listen": [":9443"], "default_backend": "web"}`, `"tls": {"bind": [{"address": ":9443"}], "default_backend": "web"}`, []string{
		`apps.passthrough.frontends.tls: decoding module config: passthrough.frontend: json: unknown field "listen"`,
	}},
	{"listeners beside bind", jsonApp, `"tls": {"bind": [{"address": ":9443"}], "listeners": [{"address": ":9443", "name": "x"}], "default_backend": "web"}`, `"tls": {"bind": [{"address": ":9443", "name": "x"}], "default_backend": "web"}`, []string{
		`frontend "tls": unexpected listeners: expected name and id in bind`,
	}},
	{"a bind without an address", jsonApp, `"tls": {"bind": [{"address": ":9443"}, {"name": "x"}], "default_backend": "web"}`, `"tls": {"bind": [{"address": ":9443"}, {"address": ":9444", "name": "x"}], "default_backend": "web"}`, []string{
		`frontend "tls": bind 2: expected an object with address`,
	}},
	{"a name of the app's frontend with a space", jsonApp, `"a b": {"bind": [{"address": ":9443"}], "default_backend": "web"}`, `"a_b": {"bind": [{"address": ":9443"}], "default_backend": "web"}`, []string{
		`frontend "a b": name "a b": expected letters, digits`,
	}},
	{"a layer4 server's frontend with the app's name", func(text string) string {
		return `{"apps": {"passthrough": {"frontends": {"tls": {"bind": [{"address": ":9443"}], "servers": [{"name": "s1", "address": "127.0.0.1:1"}]}}},
			"layer4": {"servers": {"a": {"listen": ["durable/:9444"], "routes": [{"handle": [{"handler": "passthrough", ` + text + `, "servers": [{"name": "s1", "address": "127.0.0.1:1"}]}]}]}}}}}`
	}, `"name": "tls"`, `"name": "tls2"`, []string{
		`frontend "tls": another frontend is named "tls" already (apps.passthrough.frontends.tls): give one of them a name of its own (option name)`, `server 'a'`,
	}},
}
