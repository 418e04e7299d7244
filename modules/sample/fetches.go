// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"cmp"
	"iter"
	"maps"
	"slices"
)

// A result is the result of a fetch.
type result struct {
	value     Value
	found     bool
	mayChange bool // further bytes may change it, unless the input is final
}

// noValue is the result of a fetch that will never have a value, pending of one that may.
var (
	noValue = result{}
	pending = result{mayChange: true}
)

func found(v Value) result {
	return result{value: v, found: true}
}

// A fetchFunc fetches from an input. It must be safe for concurrent use.
type fetchFunc func(in *Input) result

// A fetch is a supported fetch.
type fetch struct {
	aliases []string
	args    argList
	out     valueType
	note    string
	needs   Needs
	alpn    bool // it finds the first ALPN protocol; an ACL examines all

	isHTTPMethod bool // it finds an HTTP method; an ACL without -m ignores -i

	aclMethod string // an ACL's default matching method; "": given by the type
	stage     stage  // of an HTTP fetch
	// eachValue yields the values that an ACL compares one after the other; nil: only the result.
	eachValue func(a args) func(*Input) iter.Seq[Value]

	changes     bool                           // evaluating it changes a counter
	tracked     bool                           // it is about an entry that the connection tracks
	value       func(args) (c counter, of int) // of an entry; of is the counter that tracks it
	termination bool                           // it needs a TLS connection that ends at the proxy

	query func(a args) Question       // its query to the State; nil: no query
	table func(a args) (string, bool) // the name of its stick table, if it has one; nil: never
	build func(a args) (fetchFunc, error)
}

// fetches maps names and aliases to fetches.
var fetches = collect(helloFetches, payloadFetches, requestFetches(), connectionFetches, proxyFetches, constantFetches, responseFetches, stateFetches(), processFetches, roundTripFetches(), terminationFetches(), counterFetches(), tableFetches)

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

// withoutArgs returns the build function of a fetch without arguments.
func withoutArgs(f fetchFunc) func(args) (fetchFunc, error) {
	return func(args) (fetchFunc, error) { return f, nil }
}

// constant returns a fetch with a constant value.
func constant(v Value) fetchFunc {
	answer := found(v)
	return func(*Input) result { return answer }
}

// A Doc documents a fetch, a converter or a matching method.
type Doc struct {
	Name    string
	Aliases []string
	Args    string // such as "(integer,string[,integer])"; "" without arguments
	Type    string // of the value; for a method, of the values that it compares
	Note    string
}

// Fetches documents the fetches, sorted by name.
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

// HTTPFetches documents the fetches that only HTTP requests have; see [Loader.HTTP].
func HTTPFetches() []Doc {
	var docs []Doc
	for name, f := range httpFetches {
		if !slices.Contains(f.aliases, name) && f.aclMethod == "" {
			docs = append(docs, Doc{name, f.aliases, f.args.String(), f.out.String(), f.note})
		}
	}
	return sortDocs(docs)
}

// Converters documents the converters, sorted by name.
func Converters() []Doc {
	var docs []Doc
	for _, name := range slices.Sorted(maps.Keys(converters)) {
		c := converters[name]
		docs = append(docs, Doc{Name: name, Args: c.args.String(), Type: c.out.String(), Note: c.note})
	}
	return docs
}

// Methods documents the matching methods of ACLs, sorted by name.
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
