// SPDX-License-Identifier: Apache-2.0

package options

import (
	"slices"
	"strings"
)

// synonym returns the first of a word's meanings that is known here.
func synonym(word string, known []string) string {
	for _, meaning := range synonyms[strings.ReplaceAll(word, "-", "_")] {
		first, _, _ := strings.Cut(meaning, " ")
		if slices.Contains(known, first) {
			return meaning
		}
	}
	return ""
}

// synonyms maps words here, or an option and its argument, to the words for it in HAProxy, nginx,
// Traefik, Envoy and Caddy's own proxies, with underscores for hyphens. A block suggests the first
// meaning that it knows.
var synonyms = expand(map[string]string{
	// matchers
	"sni":        "host hosts hostname hostnames domain domains fqdn name server_name server_names servername hostsni ssl_sni ssl_fc_sni req_ssl_sni req.ssl_sni ssl_preread_server_name tls",
	"sni_regexp": "hostsniregexp host_regexp sni_regex sni_reg regex",
	"sni_file":   "sni_list domains_file",
	"alpn":       "protocol protocols next_protos ssl_alpn req_ssl_alpn req.ssl_alpn application_protocols",
	"version":    "tls_version ssl_version protocol_version req_ssl_ver req.ssl_ver",
	"remote_ip":  "src source_ip source_address client_ip clientip ip remote remote_addr from allow deny source_prefix_ranges",
	"local_ip":   "dst destination_ip",
	"no_sni":     "without_sni empty_sni",

	// frontend
	"use_backend":     "route to_backend use use_service",
	"use_backend_map": "map sni_map use_map",
	"default_backend": "default fallback otherwise else default_service",
	"inspect_delay":   "preread_timeout matching_timeout hello_timeout handshake_timeout listener_filters_timeout",
	"max_hello":       "bufsize tune.bufsize preread_buffer_size max_size",
	"content":         "tcp_request tcp_request_content",
	"timeout_client":  "timeout client_timeout timeouts_client idle_timeout",
	"name":            "id label",

	// backend
	"server":                 "to upstream upstreams dial url member target node endpoint endpoints proxy_pass forward reverse_proxy proxy servers",
	"balance":                "lb lb_policy lb_method lb_algorithm policy load_balance load_balancing load_balancer_policy algorithm strategy",
	"balance leastconn":      "least_conn",
	"balance source":         "ip_hash client_ip_hash sticky affinity",
	"balance roundrobin":     "round_robin",
	"balance hash":           "hash consistent_hash",
	"check":                  "health health_check healthcheck health_checks active_health_check tcp_check health_uri",
	"check http":             "httpchk http_check",
	"check ssl_hello":        "ssl_hello_chk",
	"retries":                "retry tries lb_retries lb_try_duration max_retries max_connect_attempts proxy_next_upstream_tries",
	"redispatch":             "proxy_next_upstream retry_other",
	"timeouts":               "timeout",
	"timeouts connect":       "timeout_connect connect_timeout dial_timeout dialtimeout proxy_connect_timeout",
	"timeouts client":        "timeout_client client_timeout",
	"timeouts server":        "timeout_server server_timeout proxy_timeout idle_timeout read_timeout",
	"timeouts tunnel":        "timeout_tunnel",
	"timeouts queue":         "timeout_queue queue_timeout",
	"timeouts check":         "timeout_check",
	"grace_period":           "hard_stop_after shutdown_timeout worker_shutdown_timeout",
	"backend":                "pool cluster service upstream proxy farm listen",
	"fullconn":               "full_conn",
	"connect":                "dial dial_timeout",
	"client_fin":             "fin",
	"removed_server_timeout": "stream_close_delay",

	// server, check
	"maxconn":       "max_connections max_conns max_conn unhealthy_connection_count conn_limit limit_conn max_inflight",
	"slowstart":     "slow_start",
	"disabled":      "down maintenance drain disable off",
	"backup":        "standby spare failover",
	"weight":        "lb_weight share",
	"no_check":      "unchecked",
	"interval":      "inter health_interval every period check_interval",
	"fast_interval": "fastinter",
	"down_interval": "downinter",
	"timeout":       "health_timeout check_timeout",
	"port":          "health_port check_port",
	"rise":          "healthy_threshold success_threshold health_passes passes",
	"fall":          "unhealthy_threshold failure_threshold health_fails fails max_fails",
	"spread":        "spread_checks jitter",
	"server_name":   "sni check_sni",
	"ca":            "ca_file cafile trust_pool trusted_ca",
	"path":          "uri health_uri",
	"status":        "health_status",

	// policies
	"roundrobin": "rr wrr weighted_round_robin default",
	"leastconn":  "least_connections least_request least_requests lc",
	"source":     "ip_hash client_ip_hash iphash src",
	"random":     "random_choose power_of_two p2c",
	"hash":       "consistent maglev ring_hash ringhash",

	// actions and outcomes
	"reset":     "rst tcp_reset",
	"close":     "abort end",
	"drop":      "silent_drop ignore blackhole",
	"not_tls":   "plaintext plain http not_ssl",
	"no_match":  "unmatched unknown no_sni default unknown_sni",
	"no_server": "no_backend unavailable down",
})

// expand turns meaning → words into word → meanings. Of two meanings of a word, the one that is a
// single word comes first.
func expand(words map[string]string) map[string][]string {
	meanings := make(map[string][]string)
	for meaning, list := range words {
		for word := range strings.FieldsSeq(list) {
			meanings[word] = append(meanings[word], meaning)
		}
	}
	for _, m := range meanings {
		slices.SortFunc(m, func(a, b string) int {
			if one, other := strings.Contains(a, " "), strings.Contains(b, " "); one != other {
				if one {
					return 1
				}
				return -1
			}
			return strings.Compare(a, b)
		})
	}
	return meanings
}
