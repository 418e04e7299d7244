// SPDX-License-Identifier: Apache-2.0

package integration

import "testing"

// inSiteBlock returns a Caddyfile with the text in a site block of port 9443, from line 13 on, and
// with an own site that follows it.
func inSiteBlock(text string) string {
	return inSites(":9443 {\n" + text + "\n}\nown.test {\n\ttls internal\n\trespond own\n}\n")
}

// inSites returns a Caddyfile with site blocks, from line 12 on.
func inSites(text string) string {
	return inServers("", text)
}

// inServers returns a Caddyfile with global options, from line 10 on, and then with site blocks.
func inServers(text, blocks string) string {
	return "{\n\thttp_port 9080\n\thttps_port 9443\n\tpassthrough {\n\t\tbackend web {\n\t\t\tserver s1 127.0.0.1:9441\n\t\t}\n\t}\n\n" + text + "\n}\n" + blocks
}

// inWrappers returns a Caddyfile with listener wrappers, from line 12 on, and a site directive in
// line 17 if the text has one line.
func inWrappers(text string) string {
	return inServers("\tservers {\n\t\tlistener_wrappers {\n"+text+"\n\t\t}\n\t}", ":9443 {\n\tpassthrough git.test 127.0.0.1:9441\n}\n")
}

// inOwnWrapper returns a Caddyfile with listener wrappers, from line 12 on, without a site
// directive.
func inOwnWrapper(text string) string {
	return inServers("\tservers :9443 {\n\t\tlistener_wrappers {\n"+text+"\n\t\t}\n\t}", "own.test {\n\ttls internal\n\trespond own\n}\n")
}

// Mistakes in site directives that their own block shows.
var siteMistakes = []mistake{
	{"no words", inSiteBlock, "passthrough", "passthrough git.test 127.0.0.1:9441", []string{
		"no name: expected passthrough NAME... ADDRESS..., such as passthrough git.example.com 10.0.0.5:443; without names it belongs in a block of the HTTP port, such as http:// { passthrough }, at Caddyfile:13",
	}},
	{"no address", inSiteBlock, "passthrough git.test", "passthrough git.test 127.0.0.1:9441", []string{
		"passthrough git.test: no server for its connections: expected an address, such as 10.0.0.5:443, or backend NAME, at Caddyfile:13",
	}},
	{"no name", inSiteBlock, "passthrough 127.0.0.1:9441", "passthrough git.test 127.0.0.1:9441", []string{"no name: expected passthrough NAME... ADDRESS...", "a word with a port is an address, at Caddyfile:13"}},
	{"a port in the name", inSiteBlock, "passthrough git.test:443 127.0.0.1:9441", "passthrough git.test 127.0.0.1:9441", []string{"a word with a port is an address, at Caddyfile:13"}},
	{"a name behind the address", inSiteBlock, "passthrough git.test 127.0.0.1:9441 www.test", "passthrough git.test www.test 127.0.0.1:9441", []string{
		`name "www.test" behind an address: expected passthrough NAME... ADDRESS...; an address has a port, such as www.test:443, at Caddyfile:13`,
	}},
	{"an address without a port", inSiteBlock, "passthrough git.test 127.0.0.1", "passthrough git.test 127.0.0.1:9441", []string{
		`name "127.0.0.1": TLS clients send no IP address as the server name (RFC 6066, section 3): expected a name; an address of a server has a port, as in 127.0.0.1:443, at Caddyfile:13`,
	}},
	{"an IPv6 address without a port", inSiteBlock, "passthrough git.test ::1", "passthrough git.test [::1]:9441", []string{`address "::1": expected HOST:PORT`, "Caddyfile:13"}},
	{"every name", inSiteBlock, "passthrough * 127.0.0.1:9441", "passthrough {\ndefault_backend web\n}", []string{
		`"*" alone: expected names, such as *.example.com; for the names that no site has write passthrough { default_backend NAME }, at Caddyfile:13`,
	}},
	{"a wildcard within a name", inSiteBlock, "passthrough a.*.test 127.0.0.1:9441", "passthrough *.a.test 127.0.0.1:9441", []string{`"*" within the name, expected it as the whole first label`, "Caddyfile:13"}},
	{"a URL for an address", inSiteBlock, "passthrough git.test https://127.0.0.1:9441", "passthrough git.test 127.0.0.1:9441", []string{
		`"https://127.0.0.1:9441" is a URL: expected a name, such as git.example.com, or an address, such as 10.0.0.5:443, at Caddyfile:13`,
	}},
	{"a request matcher", inSiteBlock, "@git host git.test\npassthrough @git 127.0.0.1:9441", "passthrough git.test 127.0.0.1:9441", []string{
		`"@git" is a request matcher: expected names, such as git.example.com: the TLS server name decides, before there is a request, at Caddyfile:14`,
	}},
	{"a path", inSiteBlock, "passthrough /git 127.0.0.1:9441", "passthrough git.test 127.0.0.1:9441", []string{`"/git" is a request matcher`, "Caddyfile:13"}},
	{"a name without an ASCII form", inSiteBlock, "passthrough xn--ü.test 127.0.0.1:9441", "passthrough ü.test 127.0.0.1:9441", []string{`name "xn--ü.test": expected a name that has an ASCII form`, "Caddyfile:13"}},
	{"a name twice on a line", inSiteBlock, "passthrough git.test Git.Test. 127.0.0.1:9441", "passthrough git.test 127.0.0.1:9441", []string{"passthrough git.test: the name is given twice, first at Caddyfile:13, at Caddyfile:13"}},
	{"a name on two lines", inSiteBlock, "passthrough git.test 127.0.0.1:9441\npassthrough *.test GIT.test {\nbackend web\n}", "passthrough git.test 127.0.0.1:9441\npassthrough *.test {\nbackend web\n}", []string{
		"passthrough git.test: the name is given twice, first at Caddyfile:13, at Caddyfile:16",
	}},
	{"a server twice", inSiteBlock, "passthrough git.test 127.0.0.1:9441 127.0.0.1:9441", "passthrough git.test 127.0.0.1:9441 127.0.0.1:9442", []string{`server "127.0.0.1:9441" is given twice, at Caddyfile:13`}},
	{"a backend and servers", inSiteBlock, "passthrough git.test 127.0.0.1:9441 {\nbackend web\n}", "passthrough git.test {\nbackend web\n}", []string{
		`passthrough git.test: it has backend "web" and options of a backend of its own (servers, balance ...): expected one of the two, at Caddyfile:13`,
	}},
	{"options of a backend without servers", inSiteBlock, "passthrough git.test {\nbalance leastconn\n}", "passthrough git.test 127.0.0.1:9441 {\nbalance leastconn\n}", []string{"passthrough git.test: no server for its connections", "Caddyfile:13"}},
	{"a misspelled option", inSiteBlock, "passthrough git.test 127.0.0.1:9441 {\nredirct\n}", "passthrough git.test 127.0.0.1:9441 {\nredirect\n}", []string{`unknown option "redirct"; did you mean "redirect"?`, "Caddyfile:14"}},
	{"bind", inSiteBlock, "passthrough git.test 127.0.0.1:9441 {\nbind 127.0.0.1\n}", "bind 127.0.0.1\npassthrough git.test 127.0.0.1:9441", []string{
		`"bind" is not an option here: the address of the site block has the port, and the directive bind its host, at Caddyfile:14`,
	}},
	{"tls", inSiteBlock, "passthrough git.test 127.0.0.1:9441 {\ntls internal\n}", "passthrough git.test 127.0.0.1:9441", []string{`"tls" is not an option here: TLS is passed through as it is, and servers hold the certificates, at Caddyfile:14`}},
	{"an option of the frontend on two lines", inSiteBlock, "passthrough git.test 127.0.0.1:9441 {\ninspect_delay 2s\n}\npassthrough {\ninspect_delay 3s\n}", "passthrough git.test 127.0.0.1:9441\npassthrough {\ninspect_delay 3s\n}", []string{
		`option "inspect_delay" is given twice, first at Caddyfile:14, at Caddyfile:17`,
	}},
	{"an outcome on two lines", inSiteBlock, "passthrough git.test 127.0.0.1:9441 {\non no_match close\n}\npassthrough {\non no_match drop\n}", "passthrough git.test 127.0.0.1:9441 {\non no_match close\n}", []string{
		"on no_match is given twice, first at Caddyfile:14, at Caddyfile:17",
	}},
	{"servers without a name", inSiteBlock, "passthrough {\nserver s1 127.0.0.1:9441\n}", "passthrough git.test {\nserver s1 127.0.0.1:9441\n}", []string{
		`"server" is not an option here: the block has no names, so its options are those of all names: expected names before the block, at Caddyfile:14`,
	}},
	{"a backend without a name", inSiteBlock, "passthrough {\nbackend web\n}", "passthrough {\ndefault_backend web\n}", []string{`expected default_backend NAME, or names before the block, at Caddyfile:14`}},
	{"in a handle block", inSiteBlock, "handle {\npassthrough git.test 127.0.0.1:9441\n}", "passthrough git.test 127.0.0.1:9441\nhandle {\nrespond hi\n}", []string{
		"expected it directly in a site block, and not in a route, handle or other directive: the TLS server name decides, before there is a request, at Caddyfile:14",
	}},
	{"names at the HTTP port", inSites, "http:// {\npassthrough git.test 127.0.0.1:9441\n}", ":9443 {\npassthrough git.test 127.0.0.1:9441\n}", []string{
		"the block is one of the HTTP port, where there is no TLS server name: expected it in a block of the HTTPS port, such as :443 { … }; for redirects and ACME challenges of such names write passthrough without names here, at Caddyfile:13",
	}},
	{"names at the changed HTTP port", inSites, ":9080 {\npassthrough git.test 127.0.0.1:9441\n}", ":80 {\npassthrough git.test 127.0.0.1:9441\n}", []string{"the block is one of the HTTP port", "Caddyfile:13"}},
	{
		"blocks that share one of their ports", inSites,
		":9443, :9444 {\npassthrough git.test 127.0.0.1:9441\n}\nown.test {\npassthrough www.test 127.0.0.1:9442\n}", ":9443, :9444 {\npassthrough git.test www.test 127.0.0.1:9441\n}\nhttps://own.test {\nrespond own\n}",
		[]string{"passthrough: this site block is for :9443, and the one with passthrough at Caddyfile:13 for :9443 :9444: expected the same addresses, since one http server has both at :9443, at Caddyfile:16"},
	},
	{"sites in both places", inWrappers, "passthrough {\nsite www.test 127.0.0.1:9442\n}\ntls", "passthrough\ntls", []string{
		"listener_wrappers has the options of passthrough at Caddyfile:12: expected them in one place, and passthrough without a block there, at Caddyfile:20",
	}},
	{"a name for a mark", inWrappers, "passthrough git.test\ntls", "passthrough\ntls", []string{`unexpected "git.test": expected a block with site git.test …, at Caddyfile:12`}},
}

// Mistakes in site directives that only the whole configuration shows.
var wholeSiteMistakes = []mistake{
	{"a name that is a site, too", inSiteBlock, "passthrough git.test own.test 127.0.0.1:9441", "passthrough git.test *.own.test 127.0.0.1:9441", []string{
		"Caddyfile:13: passthrough own.test: the name is a site, too, at Caddyfile:15: expected one of the two",
	}},
	{"a wildcard that is a site, too", inSites, ":9443 {\npassthrough *.test 127.0.0.1:9441\n}\nown.example, *.TEST {\ntls internal\nrespond own\n}", ":9443 {\npassthrough *.test 127.0.0.1:9441\n}\nown.test {\ntls internal\nrespond own\n}", []string{
		"Caddyfile:13: passthrough *.test: the name is a site, too, at Caddyfile:15: expected one of the two",
	}},
	{"another form of a site's name", inSites, ":9443 {\npassthrough xn--bcher-kva.test 127.0.0.1:9441\n}\nbücher.test {\ntls internal\nrespond own\n}", ":9443 {\npassthrough xn--bcher-kva.test 127.0.0.1:9441\n}\nhttp://bücher.test {\nrespond own\n}", []string{
		"Caddyfile:13: passthrough xn--bcher-kva.test: the name is a site, too, at Caddyfile:15: expected one of the two",
	}},
	{"an unknown backend", inSiteBlock, "passthrough git.test {\nbackend wbe\n}", "passthrough git.test {\nbackend web\n}", []string{
		`Caddyfile:13: passthrough git.test: backend "wbe" is not defined; did you mean "web"? (known: web)`,
	}},
	{"an unknown default backend", inSiteBlock, "passthrough git.test 127.0.0.1:9441\npassthrough {\ndefault_backend wbe\n}", "passthrough git.test 127.0.0.1:9441\npassthrough {\ndefault_backend web\n}", []string{
		`Caddyfile:15: frontend ":9443": default_backend: backend "wbe" is not defined; did you mean "web"?`,
	}},
	{"a placeholder without a value", inSiteBlock, "passthrough {env.PASSTHROUGH_NONE} 127.0.0.1:9441", "passthrough {env.PASSTHROUGH_NONE}git.test 127.0.0.1:9441", []string{"Caddyfile:13: passthrough: invalid pattern", "empty, expected a name"}},
	{"a rule for the name of a site", inSiteBlock, "passthrough git.test 127.0.0.1:9441\npassthrough {\nuse_backend web sni git.test\n}", "passthrough git.test 127.0.0.1:9441\npassthrough {\nuse_backend web sni www.test\n}", []string{
		`Caddyfile:15: frontend ":9443": rule 1 (backend "web") can never match: names of sites come before rules and take all that it would, first of them git.test; remove it, or make a site of it`,
	}},
	{"passthrough behind tls", inWrappers, "tls\npassthrough", "passthrough\ntls", []string{`http server "srv0": listener_wrappers: TLS has been terminated where passthrough stands: expected tls behind it`}},
	{"passthrough without tls", inOwnWrapper, "passthrough {\nsite git.test 127.0.0.1:9441\n}", "passthrough {\nsite git.test 127.0.0.1:9441\n}\ntls", []string{
		`Caddyfile:12: http server "srv0": listener_wrappers: TLS has been terminated where passthrough stands: expected tls behind it`,
	}},
	{"passthrough twice", inOwnWrapper, "passthrough {\nsite git.test 127.0.0.1:9441\n}\npassthrough {\nsite www.test 127.0.0.1:9441\n}\ntls", "passthrough {\nsite git.test www.test 127.0.0.1:9441\n}\ntls", []string{
		`Caddyfile:12: http server "srv0": two listener wrappers passthrough: expected one, with the sites and rules of both`,
	}},
	{"a mark without directives", inOwnWrapper, "passthrough\ntls", "passthrough {\nsite git.test 127.0.0.1:9441\n}\ntls", []string{
		`Caddyfile:12: http server "srv0": the listener wrapper passthrough has no names: expected passthrough NAME... ADDRESS... in a site block of this server`,
	}},
}

// `caddy adapt` refuses mistakes in site directives, with file and line.
func TestAdaptRefusesSiteMistakes(t *testing.T) {
	areRefused(t, siteMistakes, "adapt", "Caddyfile")
}

// `caddy validate` refuses those that only the whole configuration shows.
func TestValidateRefusesSiteMistakes(t *testing.T) {
	areRefused(t, wholeSiteMistakes, "validate", "Caddyfile")
}
