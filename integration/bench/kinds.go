// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

// A setup is what a configuration is made of.
type setup struct {
	dir    string // the proxy's own
	log    string // its log file, where it keeps one
	listen int
	server int
	module string // nginx's stream module, empty where it is built in
	limit  int    // of connections
}

// A variant is a proxy with one configuration.
type variant struct {
	title   string
	program string // ours, stock, haproxy, nginx
	logs    bool   // a line for each connection
	config  func(setup) string
	args    func(config, dir string) []string
}

// Variants by the name that -proxies takes. The logging ones take the place of those
// without in the workload short+log.
var variants = map[string]variant{
	"haproxy": {"haproxy", "haproxy", false, haproxyConfig("", ""), haproxyArgs},
	// splice-auto alone does not begin to splice in this direction before it has woken
	// up the stream for another reason, if ever: the other two words make it splice.
	"splice":      {"haproxy splice", "haproxy", false, haproxyConfig("maxpipes 256", "option splice-auto\n\toption splice-request\n\toption splice-response"), haproxyArgs},
	"nginx":       {"nginx", "nginx", false, nginxConfig, nginxArgs},
	"caddy-l4":    {"caddy-l4", "stock", false, stockConfig, caddyArgs},
	"ours":        {"ours", "ours", false, oursConfig, caddyArgs},
	"haproxy+log": {"haproxy, log on", "haproxy", true, haproxyConfig("log stderr format raw local0", "log global\n\toption tcplog"), haproxyArgs},
	"ours+log":    {"ours, log on", "ours", true, oursConfig, caddyArgs},
}

// Columns are the order of the variants in tables.
var columns = []string{"haproxy", "splice", "nginx", "caddy-l4", "ours"}

func caddyArgs(config, _ string) []string {
	return []string{"run", "--adapter", "caddyfile", "--config", config}
}

func haproxyArgs(config, _ string) []string { return []string{"-db", "-f", config} }

func nginxArgs(config, dir string) []string {
	return []string{"-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", config}
}

func fill(template string, s setup) string {
	return strings.NewReplacer(
		"LISTEN", fmt.Sprintf("127.0.0.1:%d", s.listen),
		"SERVER", fmt.Sprintf("127.0.0.1:%d", s.server),
		"NAME", serverName,
		"DIR", s.dir,
		"LOGFILE", s.log,
		"LIMIT", fmt.Sprint(s.limit),
		"DESCRIPTORS", fmt.Sprint(2*s.limit),
	).Replace(template)
}

func oursConfig(s setup) string {
	sessions := ""
	if s.log != "" {
		sessions = `
	log sessions {
		include layer4.handlers.passthrough
		output file LOGFILE {
			roll_disabled
		}
		format json
	}`
	}
	return fill(`{
	admin off
	persist_config off
	log default {
		exclude layer4.handlers.passthrough
	}`+sessions+`
	passthrough {
		backend web {
			server s1 SERVER
			timeouts {
				client 1m
				server 1m
			}
		}
	}
	layer4 {
		durable/LISTEN {
			route {
				passthrough {
					use_backend web sni NAME
				}
			}
		}
	}
}
`, s)
}

func stockConfig(s setup) string {
	return fill(`{
	admin off
	persist_config off
	log default {
		level ERROR
	}
	layer4 {
		LISTEN {
			@web tls sni NAME
			route @web {
				proxy SERVER
			}
		}
	}
}
`, s)
}

// haproxyConfig is the usual configuration with lines added to global and to defaults.
func haproxyConfig(global, defaults string) func(setup) string {
	return func(s setup) string {
		return fill(`global
	maxconn LIMIT
	nbthread 1
	`+global+`
defaults
	mode tcp
	timeout connect 5s
	timeout client 1m
	timeout server 1m
	`+defaults+`
frontend tls
	bind LISTEN
	tcp-request inspect-delay 5s
	tcp-request content accept if { req_ssl_hello_type 1 }
	use_backend web if { req_ssl_sni -i NAME }
backend web
	server s1 SERVER
`, s)
	}
}

func nginxConfig(s setup) string {
	load := ""
	if s.module != "" {
		load = "load_module " + s.module + ";\n"
	}
	return load + fill(`daemon off;
worker_processes 1;
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
		proxy_connect_timeout 5s;
		proxy_timeout 1m;
		proxy_pass $web;
	}
}
`, s)
}
