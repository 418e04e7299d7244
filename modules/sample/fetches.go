// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"cmp"
	"iter"
	"maps"
	"slices"
)

// A result is what a fetch found.
type result struct {
	value     Value
	found     bool
	mayChange bool // more bytes may change that, unless the input is final
}

// nothing is the answer of a fetch that will never have a value, and notYet of one that may.
var (
	noValue = result{}
	pending = result{mayChange: true}
)

func found(v Value) result {
	return result{value: v, found: true}
}

// A fetchFunc looks at an input. It must be safe for concurrent use.
type fetchFunc func(in *Input) result

// A fetch is a fetch method that this package knows.
type fetch struct {
	aliases []string
	args    argList
	out     valueType
	note    string
	needs   Needs
	alpn    bool // it finds the first ALPN protocol, and an ACL looks at all

	isHTTPMethod bool // it finds an HTTP method: an ACL tells upper from lower case, whatever it is told

	aclMethod string // how an ACL compares what it finds by default; empty: by its type
	stage     stage  // of a fetch over HTTP
	// each is what an ACL looks at, one after the other; nil: what is found.
	eachValue func(a args) func(*Input) iter.Seq[Value]

	termination bool // it is about a TLS connection that ends at the proxy

	query func(a args) Question // what it asks the State; nil: nothing
	build func(a args) (fetchFunc, error)
}

// fetches holds the fetches by their names, aliases included.
var fetches = collect(helloFetches, payloadFetches, requestFetches(), connectionFetches, constantFetches, responseFetches, stateFetches(), processFetches(), terminationFetches())

func collect(groups ...map[string]fetch) map[string]fetch {
	all := make(map[string]fetch)
	for _, group := range groups {
		for name, f := range group {
			all[name] = f
			for _, alias := range f.aliases {
				all[alias] = f
			}
		}
	}
	return all
}

// withoutArgs is the build of a fetch without arguments.
func withoutArgs(f fetchFunc) func(args) (fetchFunc, error) {
	return func(args) (fetchFunc, error) { return f, nil }
}

// constant is a fetch that always finds the same.
func constant(v Value) fetchFunc {
	answer := found(v)
	return func(*Input) result { return answer }
}

// A Doc describes a fetch, a converter or a matching method for readers.
type Doc struct {
	Name    string
	Aliases []string
	Args    string // as "(integer,string[,integer])", empty if there are none
	Type    string // what it yields; of a method, what its patterns are compared with
	Note    string
}

// Fetches describes the fetch methods, sorted by name.
func Fetches() []Doc {
	var docs []Doc
	for name, f := range fetches {
		if slices.Contains(f.aliases, name) {
			continue
		}
		docs = append(docs, Doc{name, f.aliases, f.args.String(), f.out.String(), f.note})
	}
	return sortDocs(docs)
}

// HTTPFetches describes the fetch methods that only requests over HTTP have; see [Loader.HTTP].
func HTTPFetches() []Doc {
	var docs []Doc
	for name, f := range httpFetches {
		if !slices.Contains(f.aliases, name) && f.aclMethod == "" {
			docs = append(docs, Doc{name, f.aliases, f.args.String(), f.out.String(), f.note})
		}
	}
	return sortDocs(docs)
}

// Converters describes the converters, sorted by name.
func Converters() []Doc {
	var docs []Doc
	for _, name := range slices.Sorted(maps.Keys(converters)) {
		c := converters[name]
		docs = append(docs, Doc{Name: name, Args: c.args.String(), Type: c.out.String(), Note: c.note})
	}
	return docs
}

// Methods describes the matching methods of ACLs, sorted by name.
func Methods() []Doc {
	var docs []Doc
	for name, m := range methods {
		docs = append(docs, Doc{Name: name, Type: m.expect.String(), Note: m.note})
	}
	return sortDocs(docs)
}

func sortDocs(docs []Doc) []Doc {
	slices.SortFunc(docs, func(a, b Doc) int { return cmp.Compare(a.Name, b.Name) })
	return docs
}
