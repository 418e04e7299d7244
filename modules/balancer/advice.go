// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"strings"
	"sync"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// Advice for words that belong in another block or to another program.
const (
	inFrontend = "it belongs in a frontend: frontend NAME { … }, or passthrough in a layer4 route"
	inBackend  = "it belongs in a backend: backend NAME { … }"
	inCheck    = "it belongs in the block of a check: check { interval 2s }"

	noTermination = "TLS is passed through as it is, and servers hold the certificates"
	sendProxy     = "it is written send_proxy v1 or send_proxy v2"
	noOption      = "options are written without the word option, with underscores"
	noMode        = "all connections are passed through as they are, as in HAProxy's mode tcp"
	noLog         = "connections are logged by Caddy's own logging: see its global option log"
	noDefaults    = "nothing is inherited yet: give each backend and each server its options"
)

// advised holds the advice for each kind of block, built on first use.
var advised struct {
	sync.Once
	app, backend, server, check options.Advice
}

func setAdvice() {
	advised.app, advised.backend = newAppAdvice(), newBackendAdvice()
	advised.server, advised.check = newServerAdvice(), newCheckAdvice()
}

// advice returns the advice for a kind of block, a field of advised.
func advice(kind *options.Advice) options.Advice {
	advised.Do(setAdvice)
	return *kind
}

// words splits a list at spaces.
func words(list string) []string { return strings.Fields(list) }

// FrontendWords are the options of frontends that backends do not have.
var FrontendWords = words("use_backend use_backend_map use_backend_format default_backend on inspect_delay max_hello connection session timeout_client timeout_client_fin nolinger_client")

// common returns the advice for every block.
func common() options.Advice {
	return make(options.Advice).
		Add(noOption, "option").
		Add(noMode, "mode").
		Add(noTermination, words("tls ssl verify certificate cert crt key ca_file alpn")...).
		Add(noLog, words("log log_format access_log debug")...).
		Add(noDefaults, words("default_server defaults")...)
}

// BackendAdvice returns the advice for words that are not options of a backend's block.
func BackendAdvice() options.Advice { return advice(&advised.backend) }

func newAppAdvice() options.Advice {
	return common().
		Add("a frontend is frontend NAME { … } here, or passthrough in a layer4 route: layer4 { durable/:443 { route { passthrough { … } } } }", words("route passthrough layer4")...).
		Add("a frontend has the address: frontend NAME { bind :443 … }", words("bind listen port address")...).
		Add(inFrontend, FrontendWords...).
		Add(inBackend, new(Backend).Options().Names()...)
}

func newBackendAdvice() options.Advice {
	return common().
		Add(sendProxy, words("send_proxy_v1 send_proxy_v2 proxy_protocol")...).
		Add("it belongs in passthrough: stick_table NAME { … }", "stick_table").
		Add("cookies are inside TLS, which is passed through unchanged: expected stick on src, sni or session_id", words("cookie")...).
		Add("it belongs on a server's line: server NAME ADDRESS weight 2", new(Server).table(0).Names()...).
		Add("it belongs in timeouts: timeouts connect 5s", words("connect queue client client_fin server_fin tunnel")...).
		Add(inCheck, words("interval fast_interval down_interval rise fall spread port")...).
		Add(inFrontend, FrontendWords...)
}

func newServerAdvice() options.Advice {
	return common().
		Add(sendProxy, words("send_proxy_v1 send_proxy_v2 proxy_protocol")...).
		Add("TLS is passed through as it is; for the TLS of a check see check tls", "sni").
		Add("it is interval in the block of a check: check { interval 2s }", "inter").
		Add(inCheck, new(Check).table().Names()...).
		Add(inBackend, new(Backend).Options().Names()...)
}

// newCheckAdvice returns advice that names the checkers which have an option.
func newCheckAdvice() options.Advice {
	having := make(map[string][]string)
	for _, name := range knownCheckers() {
		checker, err := newChecker(name)
		if err != nil {
			continue
		}
		for _, word := range optionsOf(checker).Names() {
			having[word] = append(having[word], "check "+name)
		}
	}
	a := make(options.Advice)
	for word, checkers := range having {
		a.Add("it is an option of "+strings.Join(checkers, " and "), word)
	}
	return a.Add(noOption, "option")
}
