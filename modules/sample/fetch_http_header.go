// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"iter"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// aclMethods are the matching methods that ACL keywords such as path_beg have as a suffix.
var aclMethods = []string{"beg", "dir", "dom", "end", "len", "reg", "sub"}

// variants returns a fetch under the names of its ACL keywords with a matching method.
func variants(name string, f fetch) map[string]fetch {
	all := make(map[string]fetch)
	f.aliases = nil
	for _, method := range aclMethods {
		f.aclMethod = method
		all[name+"_"+method] = f
	}
	return all
}

// An httpValues function returns all values that a fetch can find, given its arguments.
type httpValues func(h *HTTP, a args) []string

// each returns the values for an ACL, which compares them one after the other.
func (p httpValues) each(a args) func(*Input) iter.Seq[Value] {
	return func(in *Input) iter.Seq[Value] {
		return func(yield func(Value) bool) {
			if in.HTTP == nil {
				return
			}
			for _, text := range p(in.HTTP, a) {
				if !yield(Text(text)) {
					return
				}
			}
		}
	}
}

// eachAs returns the values as each does, converted.
func (p httpValues) eachAs(convert func(string) (Value, bool)) func(args) func(*Input) iter.Seq[Value] {
	return func(a args) func(*Input) iter.Seq[Value] {
		return func(in *Input) iter.Seq[Value] {
			return func(yield func(Value) bool) {
				for text := range p.each(a)(in) {
					if v, ok := convert(text.String()); ok && !yield(v) {
						return
					}
				}
			}
		}
	}
}

// first builds a fetch that finds the first value.
func (p httpValues) first(a args) (fetchFunc, error) {
	return func(in *Input) result {
		if in.HTTP == nil {
			return noValue
		}
		if values := p(in.HTTP, a); len(values) > 0 {
			return found(Text(values[0]))
		}
		return noValue
	}, nil
}

// occurrence builds a fetch that finds the value whose number is the second argument: from 1, or if
// negative from the end. Default: the last.
func (p httpValues) occurrence(a args) (fetchFunc, error) {
	which := a.integer(1, -1)
	return func(in *Input) result {
		if in.HTTP == nil {
			return noValue
		}
		value, ok := occurrence(p(in.HTTP, a), which)
		if !ok {
			return noValue
		}
		return found(Text(value))
	}, nil
}

// count builds a fetch that counts the values.
func (p httpValues) count(a args) (fetchFunc, error) {
	return func(in *Input) result {
		if in.HTTP == nil {
			return noValue
		}
		return found(Integer(int64(len(p(in.HTTP, a)))))
	}, nil
}

// converted returns a build function whose fetches convert the value found.
func converted(build func(args) (fetchFunc, error), convert func(string) (Value, bool)) func(args) (fetchFunc, error) {
	return func(a args) (fetchFunc, error) {
		f, err := build(a)
		return func(in *Input) result {
			s := f(in)
			if s.found {
				s.value, s.found = convert(s.value.String())
			}
			return s
		}, err
	}
}

// leadingInteger parses the number at the beginning of the text; without one it returns 0.
func leadingInteger(text string) (Value, bool) {
	end := 0
	for end < len(text) && (text[end] >= '0' && text[end] <= '9' || end == 0 && (text[0] == '-' || text[0] == '+')) {
		end++
	}
	n, _ := strconv.ParseInt(text[:end], 10, 64)
	return Integer(n), true
}

// addressText parses an address with or without a port.
func addressText(text string) (Value, bool) {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return Value{}, false
	}
	return Address(a), true
}

// A headerWords names the fetches of the headers and cookies of one kind of message.
type headerWords struct {
	response     bool
	name         string
	header, full string
	short        string // prefix of its ACL keywords
	cookie       string
	shortCookie  string
	stage        stage
}

// headerFetches returns the fetches of headers and cookies, of requests and responses.
func headerFetches() map[string]fetch {
	all := make(map[string]fetch)
	for _, w := range []headerWords{
		{false, "the request", "req.hdr", "req.fhdr", "hdr", "req.cook", "cook", inRequest},
		{true, "the response", "res.hdr", "res.fhdr", "shdr", "res.cook", "scook", inResponse},
	} {
		w.addHeaders(all)
		w.addCookies(all)
	}
	return all
}

// add adds a fetch under its name and, unless that is "", an alias.
func (w *headerWords) add(all map[string]fetch, name, alias, note string, f fetch) {
	f.note, f.stage = note+" of "+w.name, w.stage
	if alias != "" {
		f.aliases = []string{alias}
	}
	all[name] = f
}

// addHeaders adds the fetches of headers.
func (w *headerWords) addHeaders(all map[string]fetch) {
	values := httpValues(func(h *HTTP, a args) []string { return commaValues(h.lines(w.response, a.text(0))) })
	lines := httpValues(func(h *HTTP, a args) []string { return h.lines(w.response, a.text(0)) })
	list, named := takes(0, argStr, argInt), takes(0, argStr)
	header := fetch{args: list, out: typeStr, build: values.occurrence, eachValue: values.each}
	w.add(all, w.header, w.short, "the last value of a header", header)
	w.addVariants(all, w.short, "a value of a header", header)
	w.add(all, w.full, "", "the last line of a header", fetch{args: list, out: typeStr, build: lines.occurrence, eachValue: lines.each})
	w.add(all, w.header+"_cnt", w.short+"_cnt", "the number of values of a header", fetch{args: named, out: typeInt, build: values.count})
	w.add(all, w.full+"_cnt", "", "the number of lines of a header", fetch{args: named, out: typeInt, build: lines.count})
	w.add(all, w.header+"_val", w.short+"_val", "the last value of a header as a number,", fetch{
		args: list, out: typeInt, build: converted(values.occurrence, leadingInteger), eachValue: values.eachAs(leadingInteger),
	})
	w.add(all, w.header+"_ip", w.short+"_ip", "the last value of a header as an address,", fetch{
		args: list, out: typeIPv4, build: converted(values.occurrence, addressText), eachValue: values.eachAs(addressText),
	})
	w.add(all, w.header+"_names", "", "the names of all headers, with commas or another text between them,",
		fetch{args: takes(0, argStr), out: typeStr, build: headerNames(w.response)})
}

// addCookies adds the fetches of cookies.
func (w *headerWords) addCookies(all map[string]fetch) {
	cookies := httpValues(func(h *HTTP, a args) []string { return h.cookies(w.response, a.text(0)) })
	named := takes(0, argStr)
	cookie := fetch{args: named, out: typeStr, build: cookies.first, eachValue: cookies.each}
	w.add(all, w.cookie, w.shortCookie, "the value of a cookie", cookie)
	w.addVariants(all, w.shortCookie, "the value of a cookie", cookie)
	w.add(all, w.cookie+"_cnt", w.shortCookie+"_cnt", "the number of values of a cookie", fetch{args: named, out: typeInt, build: cookies.count})
	w.add(all, w.cookie+"_val", w.shortCookie+"_val", "the value of a cookie as a number,", fetch{
		args: named, out: typeInt, build: converted(cookies.first, leadingInteger), eachValue: cookies.eachAs(leadingInteger),
	})
}

// addVariants adds the ACL keywords of a fetch that have a matching method.
func (w *headerWords) addVariants(all map[string]fetch, name, note string, f fetch) {
	f.note, f.stage = note+" of "+w.name, w.stage
	maps.Copy(all, variants(name, f))
}

func headerNames(response bool) func(args) (fetchFunc, error) {
	return func(a args) (fetchFunc, error) {
		delimiter := a.text(0)
		if delimiter == "" {
			delimiter = ","
		}
		return func(in *Input) result {
			if in.HTTP == nil {
				return noValue
			}
			from := in.HTTP.Header
			if !response {
				from = in.HTTP.Request.Header
			}
			names := slices.Sorted(maps.Keys(from))
			if !response && in.HTTP.Request.Host != "" {
				names = append([]string{"Host"}, names...)
			}
			return found(Text(strings.ToLower(strings.Join(names, delimiter))))
		}, nil
	}
}
