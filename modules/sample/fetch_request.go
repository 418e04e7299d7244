// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"bytes"
	"iter"
	"maps"
	"slices"
)

// plainRequestFetches examine the head of an HTTP/1 request that a client sends in plain text. They
// wait while it is incomplete, and have no value if the bytes are not such a request. Requests over
// HTTP have their own fetches; see [Loader.HTTP].
var plainRequestFetches = map[string]fetch{
	"req.proto_http": {
		aliases: []string{"req_proto_http"}, out: typeBool, needs: NeedsRequest,
		note:  "true once the client has sent the whole head of an HTTP/1 request; nothing if it sends anything else",
		build: withoutArgs(fromRequest(func(*request) result { return found(Boolean(true)) })),
	},
	"method": {
		aliases: []string{"meth"}, out: typeStr, needs: NeedsRequest, isHTTPMethod: true, note: "the method of an HTTP/1 request",
		build: withoutArgs(fromRequest(func(r *request) result { return found(text(r.method)) })),
	},
	"req.ver": {
		aliases: []string{"req_ver"}, out: typeStr, needs: NeedsRequest, note: "the version of an HTTP/1 request, such as 1.1",
		build: withoutArgs(fromRequest(requestVersion)),
	},
	"path": {
		out: typeStr, needs: NeedsRequest, note: "the path of an HTTP/1 request, up to a question mark",
		build: withoutArgs(fromRequest(func(r *request) result { return textResult(beforeQuery(r.path())) })),
	},
	"pathq": {
		out: typeStr, needs: NeedsRequest, note: "the path of an HTTP/1 request with its query",
		build: withoutArgs(fromRequest(func(r *request) result { return textResult(r.path()) })),
	},
	"query": {
		out: typeStr, needs: NeedsRequest, note: "the query of an HTTP/1 request, after the question mark",
		build: withoutArgs(fromRequest(requestQuery)),
	},
	"url": {
		out: typeStr, needs: NeedsRequest, note: "the URI of an HTTP/1 request as the client wrote it",
		build: withoutArgs(fromRequest(func(r *request) result { return found(text(r.uri)) })),
	},
	"base": {
		out: typeStr, needs: NeedsRequest, note: "the first Host header of an HTTP/1 request, and its path",
		build: withoutArgs(fromRequest(requestBase)),
	},
	"req.hdr": {
		aliases: []string{"hdr"}, args: takes(1, argStr, argInt), out: typeStr, needs: NeedsRequest,
		note:  "a header of an HTTP/1 request, split at commas: an ACL looks at each value, anything else at the last, or at that of a number",
		build: headerValue(false, text), eachValue: eachHeader(false),
	},
	"req.fhdr": {
		args: takes(1, argStr, argInt), out: typeStr, needs: NeedsRequest,
		note: "the same without splitting", build: headerValue(true, text), eachValue: eachHeader(true),
	},
	"req.hdr_cnt": {
		aliases: []string{"hdr_cnt"}, args: takes(1, argStr), out: typeInt, needs: NeedsRequest,
		note: "the number of values of the header, split at commas", build: countHeaders(false),
	},
	"req.fhdr_cnt": {
		args: takes(1, argStr), out: typeInt, needs: NeedsRequest, note: "the number of lines of the header", build: countHeaders(true),
	},
	"req.hdr_val": {
		aliases: []string{"hdr_val"}, args: takes(1, argStr, argInt), out: typeInt, needs: NeedsRequest,
		note: "the number that a header begins with", build: headerValue(false, headerInteger),
	},
}

// errNoHeader is returned for a header without a name. HAProxy takes it for headers of any name,
// and counts more than there are.
var errNoHeader = &Unsupported{"a header without a name", "give the name in parentheses, such as req.hdr(host)"}

// requestFetches returns plainRequestFetches and their ACL keywords with a matching method, such as
// path_beg.
func requestFetches() map[string]fetch {
	all := maps.Clone(plainRequestFetches)
	for keyword, name := range map[string]string{"base": "base", "hdr": "req.hdr", "path": "path", "url": "url"} {
		maps.Copy(all, variants(keyword, all[name]))
	}
	return all
}

// fromRequest returns a fetch that examines the request.
func fromRequest(f func(r *request) result) fetchFunc {
	return func(in *Input) result {
		r, verdict := parseRequest(requestBytes(in))
		switch verdict {
		case Pass:
			return f(&r)
		case Miss:
			return pending
		default:
			return noValue
		}
	}
}

func headerInteger(b []byte) Value {
	v, _ := leadingInteger(string(b))
	return v
}

func textResult(b []byte) result {
	if len(b) == 0 {
		return noValue
	}
	return found(text(b))
}

func beforeQuery(b []byte) []byte {
	before, _, _ := bytes.Cut(b, []byte("?"))
	return before
}

func requestVersion(r *request) result {
	_, version, _ := bytes.Cut(r.version, []byte("/"))
	return textResult(version)
}

func requestQuery(r *request) result {
	_, after, ok := bytes.Cut(r.path(), []byte("?"))
	if !ok {
		return noValue
	}
	return found(text(after))
}

func requestBase(r *request) result {
	path := beforeQuery(r.path())
	for host := range r.values("host", false) {
		return textResult(slices.Concat(host, path))
	}
	return textResult(path)
}

// headerValue builds a fetch of one value: the n-th, if n is negative the n-th from the end; by
// default the last.
func headerValue(whole bool, value func([]byte) Value) func(args) (fetchFunc, error) {
	return func(a args) (fetchFunc, error) {
		name, n := a.text(0), a.integer(1, -1)
		if name == "" {
			return nil, errNoHeader
		}
		return fromRequest(func(r *request) result {
			one, ok := occurrence(slices.Collect(r.values(name, whole)), n)
			if !ok {
				return noValue
			}
			return found(value(one))
		}), nil
	}
}

// eachHeader returns the values for an ACL, which compares them one after the other.
func eachHeader(whole bool) func(args) func(*Input) iter.Seq[Value] {
	return func(a args) func(*Input) iter.Seq[Value] {
		name := a.text(0)
		return func(in *Input) iter.Seq[Value] {
			return func(yield func(Value) bool) {
				r, _ := parseRequest(requestBytes(in))
				for value := range r.values(name, whole) {
					if !yield(text(value)) {
						return
					}
				}
			}
		}
	}
}

func countHeaders(whole bool) func(args) (fetchFunc, error) {
	return func(a args) (fetchFunc, error) {
		name := a.text(0)
		if name == "" {
			return nil, errNoHeader
		}
		return fromRequest(func(r *request) result {
			n := 0
			for range r.values(name, whole) {
				n++
			}
			return found(Integer(int64(n)))
		}), nil
	}
}
