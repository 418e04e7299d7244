// SPDX-License-Identifier: Apache-2.0

package control

import "net/url"

// EndParameters returns the names of the parameters of ParseEndFilter.
func EndParameters() []string {
	return []string{"frontend", "backend", "server", "source", "name", "termination", "failed"}
}

// ParseEndFilter returns the filter of the parameters of an address: names, an address or network
// as source, HAProxy's letters as termination, and failed, which is 1 or 0. The kind of the error
// is ErrInvalid.
func ParseEndFilter(query url.Values) (f EndFilter, err error) {
	f = EndFilter{Frontend: query.Get("frontend"), Backend: query.Get("backend"), Server: query.Get("server"), Name: query.Get("name"), Letters: query.Get("termination")}
	if source := query.Get("source"); source != "" {
		if f.Source, err = parseSource(source); err != nil {
			return f, err
		}
	}
	switch failed := query.Get("failed"); failed {
	case "1", "true":
		f.Failed = true
	case "", "0", "false":
	default:
		return f, invalid("failed %q: expected 1 or 0", failed)
	}
	return f, nil
}
