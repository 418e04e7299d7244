// SPDX-License-Identifier: Apache-2.0

package httprules

import (
	"net/url"
	"strings"
)

// path returns the path of the target, as sent by the client.
func (t *Transaction) path() string {
	path, _, _ := strings.Cut(t.request.RequestURI, "?")
	if _, after, absolute := strings.Cut(path, "://"); absolute && !strings.HasPrefix(path, "/") {
		if slash := strings.IndexByte(after, '/'); slash >= 0 {
			return after[slash:]
		}
		return "/"
	}
	return path
}

func (t *Transaction) setPath(path string) {
	_, query, has := strings.Cut(t.request.RequestURI, "?")
	if has {
		path += "?" + query
	}
	t.setTarget(path)
}

func (t *Transaction) setQuery(query string) {
	path, _, _ := strings.Cut(t.request.RequestURI, "?")
	if query != "" {
		path += "?" + strings.TrimPrefix(query, "?")
	}
	t.setTarget(path)
}

// setTarget changes the target of the request.
func (t *Transaction) setTarget(target string) {
	u, err := url.ParseRequestURI(target)
	if err != nil { // sent unchanged, as in HAProxy
		path, query, _ := strings.Cut(target, "?")
		u = &url.URL{Path: path, RawQuery: query}
	}
	t.request.RequestURI = target
	t.request.URL.Path, t.request.URL.RawPath, t.request.URL.RawQuery, t.request.URL.ForceQuery = u.Path, u.RawPath, u.RawQuery, u.ForceQuery
}
