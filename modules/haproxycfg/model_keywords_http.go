// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import "github.com/caddy-passthrough/caddy-passthrough/modules/httpbackend"

// httpKeywords are the keywords of mode http. HAProxy ignores them in mode tcp.
var httpKeywords = []keyword{
	{name: "http-request|http-response|http-after-response", in: inProxies, grade: differs, do: httpRule, note: "see the actions below; in mode tcp it is ignored, as in HAProxy"},
	{name: "redirect", in: inProxies, grade: supported, do: redirectRule},
	{name: "errorfile", in: inProxies, grade: httpOnly, do: errorFile},
	{name: "errorloc|errorloc302|errorloc303", in: inProxies, grade: httpOnly, do: errorLocation},
	{name: "http-error", in: inProxies, grade: httpOnly, args: someArgs, do: httpError},
	{name: "errorfiles", in: inProxies, grade: httpOnly, http: refused, note: "sections 'http-errors' are not available: expected errorfile"},
	{name: "http-send-name-header", in: inBackends, grade: httpOnly, args: oneArg, do: func(_ *translation, p *proxy, s statement) { p.httpOptions.serverHeader = s.args[0] }},
	{name: "http-reuse", in: inBackends, grade: httpOnly, do: httpReuse},
	{name: "monitor-uri", in: inFrontends, grade: httpOnly, args: oneArg, do: setMonitorURI},
	{name: "monitor fail", in: inFrontend, grade: httpOnly, do: addMonitorFail},
	{name: "monitor-net", in: inProxies, grade: refused, note: "it doesn't exist anymore in HAProxy: use 'http-request return status 200 if { src NETWORK }'"},
	{name: "cookie", in: inProxies, grade: httpOnly, http: refused, note: "stickiness by cookies is not available yet: expected balance source, or a hash of what tells clients apart"},
	{name: "dynamic-cookie-key", in: inProxies, grade: httpOnly, http: ignored, note: noteNoStickiness},
	{name: "compression", in: inProxies, grade: httpOnly, http: differs, note: "responses are passed on unchanged, without compression"},
	{name: "use-fcgi-app", in: inSections, grade: refused, note: "FastCGI is for Caddy's http app"},
	{name: "capture cookie|capture request|capture response", in: inFrontend, grade: httpOnly, http: ignored, note: "the access log has the headers of requests and responses"},
	{name: "option httplog|option httpslog", in: inProxies, fixed: true, grade: httpOnly, http: differs, do: setTCPLog, note: "requests are in Caddy's access log if the section has a log"},
	{name: "option forwardfor", in: inProxies, fixed: true, grade: httpOnly, do: forwardedOption(func(w *httpOptions) **httpbackend.ForwardedFor { return &w.forwardFor })},
	{name: "option originalto", in: inProxies, fixed: true, grade: httpOnly, do: forwardedOption(func(w *httpOptions) **httpbackend.ForwardedFor { return &w.originalTo })},
	{name: "option forwarded", in: inBackends, grade: httpOnly, http: refused, note: "it is not available: expected option forwardfor, or http-request set-header Forwarded"},
	{name: "option http-server-close", in: inProxies, grade: httpOnly, do: flagOption(func(w *httpOptions) *bool { return &w.closeServer })},
	{name: "option httpclose|option forceclose", in: inProxies, grade: httpOnly, do: flagOption(func(w *httpOptions) *bool { return &w.closeClient })},
	{name: "option http-keep-alive|option http-pretend-keepalive", in: inProxies, grade: httpOnly, http: ignored, note: "connections are kept alive anyway"},
	{name: "option http-tunnel|option http-use-htx", in: inProxies, fixed: true, grade: httpOnly, http: ignored, note: "connections are kept alive anyway"},
	{name: "option prefer-last-server", in: inProxies, grade: httpOnly, http: differs, note: "each request is balanced anew"},
	{name: "option http-buffer-request", in: inProxies, grade: httpOnly, http: differs, note: "a request goes to its server before its body has arrived"},
	{name: "option http-ignore-probes", in: inProxies, grade: httpOnly, http: ignored, note: "connections without a request are not logged, and get no answer"},
	{name: "option http-use-proxy-header", in: inProxies, grade: httpOnly, http: differs, note: "the header Proxy-Connection is passed on like any other"},
	{
		name: "option accept-invalid-http-request|" +
			"option accept-invalid-http-response|" +
			"option accept-unsafe-violations-in-http-request|" +
			"option accept-unsafe-violations-in-http-response",
		in: inProxies, grade: httpOnly, http: differs, note: "invalid HTTP is refused",
	},
	{name: "option http-restrict-req-hdr-names", in: inProxies, fixed: true, grade: httpOnly, http: differs, note: "request headers whose name has an underscore or a dot are dropped, and others are kept"},
	{name: "option http-drop-request-trailers|option http-drop-response-trailers", in: inProxies, grade: httpOnly, http: differs, note: "trailers are passed on"},
	{name: "option checkcache", in: inBackends, grade: httpOnly, http: refused, note: "responses that could be cached by mistake are not detected"},
	{name: "option disable-h2-upgrade", in: inProxies, grade: httpOnly, http: ignored, note: "HTTP/2 is not used"},
	{name: "option h1-case-adjust-bogus-client|option h1-case-adjust-bogus-server", in: inProxies, grade: httpOnly, http: differs, note: "header names are written as in X-Forwarded-For"},
	{name: "stats enable|stats show-legends|stats show-modules", in: inProxies, grade: supported, do: statsOption(func(*statsPage, []string) {})},
	{name: "stats uri", in: inProxies, grade: supported, args: someArgs, do: statsURI},
	{name: "stats refresh", in: inProxies, grade: supported, args: someArgs, do: statsRefresh},
	{name: "stats auth", in: inProxies, grade: supported, args: someArgs, do: statsAuth},
	{name: "stats realm", in: inProxies, grade: supported, args: someArgs, do: statsOption(func(page *statsPage, args []string) { page.realm = args[0] })},
	{name: "stats hide-version", in: inProxies, grade: supported, do: statsOption(func(page *statsPage, _ []string) { page.hideVersion = true })},
	{name: "stats show-node", in: inProxies, grade: supported, do: statsNode},
	{name: "stats show-desc", in: inProxies, grade: supported, do: statsDescription},
	{name: "stats scope", in: inProxies, grade: supported, args: someArgs, do: statsScope},
	{name: "stats admin", in: inSections, grade: differs, do: statsAdmin, note: noteStatsAdmin},
	{name: "stats http-request", in: inSections, grade: differs, do: statsHTTPRequest, note: noteStatsRules},
}
