// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

// A mode is the part of a proxy's setup that differs between workloads.
type mode struct {
	log    bool // each connection is logged
	stuck  bool // to a target that takes nothing
	late   bool // the server is at the far end of a link, see far
	two    bool // two cores and two threads
	silent bool // clients that have not sent all of their hello may stay
	admin  bool // Caddy's admin endpoint is on
	accept bool // clients send a PROXY header first
	send   bool // the server gets a PROXY header first
	tables bool // connections are counted in a stick table, limited, and stick to their server

	site    bool // the port is that of an http server with a site
	wrapper bool // and of a frontend in its listener
	plain   bool // its address is not durable
}

// A setup holds the values that a configuration is written from.
type setup struct {
	mode

	dir    string // the proxy's own directory
	logTo  string // the address of a syslog server
	listen int
	admin  int // a port, if the mode has an admin endpoint
	server string
	module string // nginx's stream module, empty where it is built in
	limit  int    // maximum number of connections
}

func (s setup) threads() int {
	if s.two {
		return 2
	}
	return 1
}

// inspect returns the time that a proxy waits for a client's hello.
func (s setup) inspect() string {
	if s.silent {
		return "10m"
	}
	return "5s"
}

// A variant is a proxy with one configuration.
type variant struct {
	title   string
	program string // ours, stock, haproxy, newest, nginx
	config  func(setup) string
	args    func(config, dir string) []string
}

func (v variant) isHAProxy() bool { return v.program == "haproxy" || v.program == "newest" }

// variants holds the variants by their names in -proxies.
var variants = map[string]variant{
	"haproxy": {"haproxy", "haproxy", haproxyConfig("", ""), haproxyArgs},
	"newest":  {"newest haproxy", "newest", haproxyConfig("", ""), haproxyArgs},
	// splice-auto alone starts to splice in this direction only after something else has woken the
	// stream, if ever: the other two options make it splice.
	"splice":   {"haproxy splice", "haproxy", haproxyConfig("maxpipes 256", "option splice-auto\n\toption splice-request\n\toption splice-response"), haproxyArgs},
	"nginx":    {"nginx", "nginx", nginxConfig, nginxArgs},
	"caddy-l4": {"caddy-l4", "stock", stockConfig, caddyArgs},
	// ours is a frontend of the app; layer4 is the same frontend as a handler in a route of caddy-l4.
	"ours":   {"ours", "ours", oursConfig, caddyArgs},
	"layer4": {"ours in layer4", "ours", layer4Config, caddyArgs},
}

// columns is the order of the variants in tables.
var columns = []string{"haproxy", "newest", "splice", "nginx", "caddy-l4", "ours", "layer4"}

func caddyArgs(config, _ string) []string {
	return []string{"run", "--adapter", "caddyfile", "--config", config}
}

func haproxyArgs(config, _ string) []string { return []string{"-db", "-f", config} }

func nginxArgs(config, dir string) []string {
	return []string{"-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", config}
}

func fill(template string, s setup) string {
	admin := "off"
	if s.mode.admin {
		admin = fmt.Sprintf("127.0.0.1:%d", s.admin)
	}
	return strings.NewReplacer(
		"LISTEN", fmt.Sprintf("127.0.0.1:%d", s.listen),
		"SERVER", s.server,
		"NAME", serverName,
		"DIR", s.dir,
		"LOGTO", s.logTo,
		"ADMIN", admin,
		"OURACCEPT", when(s.accept, " {\n\t\t\t\taccept_proxy 127.0.0.0/8\n\t\t\t}"),
		"HAACCEPT", when(s.accept, " accept-proxy"),
		"OURSEND", when(s.send, " send_proxy v2"),
		"HASEND", when(s.send, " send-proxy-v2"),
		"OURTABLE", when(s.tables, ourTable),
		"OURTRACK", when(s.tables, ourTrack),
		"OURSTICK", when(s.tables, ourStick),
		"HATRACK", when(s.tables, haTrack),
		"HASTICK", when(s.tables, haStick),
		"INSPECT", s.inspect(),
		"THREADS", fmt.Sprint(s.threads()),
		"LIMIT", fmt.Sprint(s.limit),
		"DESCRIPTORS", fmt.Sprint(2*s.limit),
	).Replace(template)
}

// when returns text if a mode has something, else nothing.
func when(is bool, text string) string {
	if is {
		return text
	}
	return ""
}

// oursConfig returns a configuration with a frontend of the app.
func oursConfig(s setup) string {
	if s.site {
		return siteConfig(s)
	}
	return common(s, `
		frontend tls {
			bind LISTENOURACCEPTOURTRACK
			inspect_delay INSPECT
			use_backend web sni NAME
		}`, "")
}

// layer4Config returns the same frontend as a handler of caddy-l4.
func layer4Config(s setup) string {
	return common(s, "", `
	layer4 {
		durable/LISTEN {
			route {
				passthrough {
					inspect_delay INSPECT
					use_backend web sni NAME
				}
			}
		}
	}`)
}

// common returns a configuration of ours, with the parts in which the two forms differ: inApp in
// the app's block, beside next to it.
func common(s setup, inApp, beside string) string {
	sessions := ""
	if s.log {
		sessions = `
	log sessions {
		include layer4.handlers.passthrough passthrough.frontend
		output syslog LOGTO {
			tag haproxy
			length 1024
		}
		format tcplog {
			priority
		}
	}`
	}
	return fill(`{
	admin ADMIN
	persist_config off
	log default {
		exclude layer4.handlers.passthrough passthrough.frontend
	}`+sessions+`
	passthrough {OURTABLE`+inApp+`
		backend web {OURSTICK
			server s1 SERVEROURSEND
			timeouts {
				client 1m
				server 1m
			}
		}
	}`+beside+`
}
`, s)
}

func stockConfig(s setup) string {
	return fill(`{
	admin ADMIN
	persist_config off
	log default {
		level ERROR
	}
	layer4 {
		LISTEN {
			matching_timeout INSPECT
			@web tls sni NAME
			route @web {
				proxy SERVER
			}
		}
	}
}
`, s)
}

// haproxyConfig returns the usual configuration with lines added to global and to defaults.
func haproxyConfig(global, defaults string) func(setup) string {
	return func(s setup) string {
		global, defaults := global, defaults
		if s.log {
			global, defaults = global+"\n\tlog LOGTO local0", defaults+"\n\tlog global\n\toption tcplog"
		}
		return fill(`global
	maxconn LIMIT
	nbthread THREADS
	`+global+`
defaults
	mode tcp
	timeout connect 5s
	timeout client 1m
	timeout server 1m
	`+defaults+`
frontend tls
	bind LISTENHAACCEPTHATRACK
	tcp-request inspect-delay INSPECT
	tcp-request content accept if { req_ssl_hello_type 1 }
	use_backend web if { req_ssl_sni -i NAME }
backend web
	server s1 SERVERHASENDHASTICK
`, s)
	}
}

// The parts of mode tables: the same in both languages, with limits that no run reaches.
const (
	haTrack = `
	tcp-request connection track-sc0 src table per_ip
	tcp-request connection reject if { sc0_conn_cur gt 100000 } || { sc0_conn_rate gt 1000000 }`
	haStick = `
	stick-table type ipv6 size 200k expire 60s
	stick on src
backend per_ip
	stick-table type ipv6 size 200k expire 60s store conn_cur,conn_rate(10s)`

	ourTable = `
		stick_table per_ip {
			type ipv6
			size 200k
			expire 60s
			store conn_cur conn_rate(10s)
		}`
	ourTrack = `
			connection {
				track_sc0 src table per_ip
				close acl sc0_conn_cur gt 100000
				close acl sc0_conn_rate gt 1000000
			}`
	ourStick = `
			stick {
				on src
				size 200k
				expire 60s
			}`
)

func nginxConfig(s setup) string {
	load := ""
	if s.module != "" {
		load = "load_module " + s.module + ";\n"
	}
	return load + fill(`daemon off;
worker_processes THREADS;
pid DIR/nginx.pid;
events {
	worker_connections DESCRIPTORS;
}
stream {
	access_log off;
	map $ssl_preread_server_name $web {
		NAME SERVER;
	}
	server {
		listen LISTEN backlog=4096;
		ssl_preread on;
		preread_timeout INSPECT;
		proxy_connect_timeout 5s;
		proxy_timeout 1m;
		proxy_pass $web;
	}
}
`, s)
}
