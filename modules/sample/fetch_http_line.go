// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"maps"
	"net"
	"net/http"
	"strconv"
)

var requestLineFetches = map[string]fetch{
	"method": {
		aliases: []string{"capture.req.method"}, out: typeStr, note: "the method of the request",
		build: fromHTTP(func(h *HTTP) result { return found(Text(h.Request.Method)) }),
	},
	"req.ver": {
		aliases: []string{"req_ver"}, out: typeStr, stage: inRequest, note: "the version of HTTP, such as 1.1",
		build: fromHTTP(func(h *HTTP) result { return found(Text(versionText(h.Request))) }),
	},
	"capture.req.ver": {
		out: typeStr, note: "the version of HTTP, such as HTTP/1.1",
		build: fromHTTP(func(h *HTTP) result { return found(Text("HTTP/" + versionText(h.Request))) }),
	},
	"fc_http_major": {
		out: typeInt, note: "the version of HTTP that the client speaks, 1 or 2",
		build: fromHTTP(func(h *HTTP) result { return found(Integer(int64(h.Request.ProtoMajor))) }),
	},
	"req.proto_http": {
		aliases: []string{"req_proto_http"}, out: typeBool, stage: inRequest, note: "true",
		build: fromHTTP(func(*HTTP) result { return found(Boolean(true)) }),
	},
	"status": {
		aliases: []string{"txn.status"}, out: typeInt, stage: inResponse, note: "the status of the response",
		build: fromHTTP(func(h *HTTP) result {
			if h.Status == 0 {
				return noValue
			}
			return found(Integer(int64(h.Status)))
		}),
	},
}

func versionText(r *http.Request) string {
	return strconv.Itoa(r.ProtoMajor) + "." + strconv.Itoa(r.ProtoMinor)
}

// urlFetches returns the fetches of the request's target.
func urlFetches() map[string]fetch {
	params := httpValues(func(h *HTTP, a args) []string { return h.params(a.text(0), a.text(1)) })
	host := fromHTTP(func(h *HTTP) result {
		authority, _ := h.authority()
		return textOrNothing(authority)
	})
	all := map[string]fetch{
		"path":  {out: typeStr, stage: inRequest, note: "the path of the request, without the query", build: fromHTTP(func(h *HTTP) result { return textOrNothing(h.path()) })},
		"url":   {out: typeStr, stage: inRequest, note: "the target of the request, as it came", build: fromHTTP(func(h *HTTP) result { return found(Text(h.target())) })},
		"query": {out: typeStr, stage: inRequest, note: "the query, without the question mark", build: fromHTTP(func(h *HTTP) result { return found(Text(h.query())) })},
		"pathq": {
			out: typeStr, stage: inRequest, note: "the path with the query",
			build: fromHTTP(func(h *HTTP) result {
				_, rest := h.authority()
				return textOrNothing(rest)
			}),
		},
		"base": {out: typeStr, stage: inRequest, note: "the Host header and the path", build: fromHTTP(func(h *HTTP) result { return textOrNothing(h.Request.Host + h.path()) })},
		"capture.req.uri": {
			out: typeStr, note: "the target of the request",
			build: fromHTTP(func(h *HTTP) result { return found(Text(h.target())) }),
		},
		"url_param": {
			aliases: []string{"urlp"}, args: takes(0, argStr, argStr), out: typeStr, stage: inRequest,
			note: "a parameter of the query: the first of several, and in an ACL any", eachValue: params.each, build: params.first,
		},
		"urlp_val": {
			aliases: []string{"url_param_val"}, args: takes(0, argStr, argStr), out: typeInt, stage: inRequest,
			note: "a parameter of the query as a number", build: converted(params.first, leadingInteger), eachValue: params.eachAs(leadingInteger),
		},
		"url_ip":   {out: typeIPv4, stage: inRequest, note: "the address in an absolute target", build: converted(host, addressText)},
		"url_port": {out: typeInt, stage: inRequest, note: "the port in an absolute target", build: converted(host, portText)},
	}
	for _, name := range []string{"path", "url", "base"} {
		maps.Copy(all, variants(name, all[name]))
	}
	maps.Copy(all, variants("urlp", all["url_param"]))
	return all
}

// portText parses the port of an authority; without one it returns 80.
func portText(text string) (Value, bool) {
	if _, port, err := net.SplitHostPort(text); err == nil {
		return leadingInteger(port)
	}
	return Integer(80), true
}
