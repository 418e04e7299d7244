// SPDX-License-Identifier: Apache-2.0

package haproxycfg

// httpWords have a meaning in mode http only. In a section of mode tcp HAProxy
// ignores them. In one of mode http those with an effect of their own are
// followed (redirects) or refused; the rest is about what a redirect does not
// do.
var httpWords = []keyword{
	{name: "http-request|redirect", in: inProxies, grade: differs, do: httpRule, note: "redirects are translated to Caddy's http app; in mode tcp it is ignored, as in HAProxy"},
	{name: "http-error|http-send-name-header|cookie|compression|errorloc|errorloc302|errorloc303", in: inProxies, grade: httpOnly, do: httpEffect},
	{name: "http-response|http-after-response", in: inSections, grade: httpOnly, do: httpEffect},
	{name: "monitor-uri", in: inFrontends, grade: httpOnly, args: word, do: setMonitorURI},
	{name: "monitor fail", in: inFrontend, grade: httpOnly, do: addMonitorFail},
	{name: "monitor-net", in: inProxies, grade: refused, note: "it doesn't exist anymore in HAProxy: use 'http-request return status 200 if { src NETWORK }'"},
	{name: "use-fcgi-app", in: inSections, grade: refused, note: "FastCGI is for Caddy's http app"},
	{name: "errorfile|errorfiles", in: inProxies, grade: httpOnly},
	{name: "capture cookie|capture request|capture response", in: inFrontend, grade: httpOnly},
	{name: "http-reuse|dynamic-cookie-key|option prefer-last-server", in: inProxies, grade: httpOnly},
	{name: "option httplog|option httpslog|option forwardfor|option originalto|option http-tunnel|option http-use-htx|option http-restrict-req-hdr-names", in: inProxies, grade: httpOnly, fixed: true},
	{name: "option http-server-close|option httpclose|option forceclose|option http-keep-alive|option http-pretend-keepalive|option http-buffer-request|option http-ignore-probes|option http-use-proxy-header|option accept-invalid-http-request|option accept-invalid-http-response|option accept-unsafe-violations-in-http-request|option accept-unsafe-violations-in-http-response|option http-drop-request-trailers|option http-drop-response-trailers|option checkcache|option disable-h2-upgrade|option h1-case-adjust-bogus-client|option h1-case-adjust-bogus-server|option forwarded", in: inProxies, grade: httpOnly},
	{name: "stats enable|stats uri|stats auth|stats refresh|stats realm|stats hide-version|stats show-legends|stats show-node|stats show-desc|stats show-modules|stats scope", in: inProxies, grade: pending, says: true, do: statsPage, note: unserved},
	{name: "stats admin", in: inSections, grade: pending, says: true, do: statsAdmin, note: unserved},
	{name: "stats http-request", in: inSections, grade: pending, says: true, args: something, do: statsPage, note: unserved},
}
