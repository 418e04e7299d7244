// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/policies"
)

// balanceAlgorithms are HAProxy's algorithms.
var balanceAlgorithms = newTable([]keyword{
	{name: "roundrobin|static-rr|leastconn|first|source|random|hash", in: inBackends, grade: supported},
	{name: "rdp-cookie", in: inBackends, grade: refused, note: "RDP cookies are not available"},
	{name: "uri|url_param|hdr", in: inBackends, grade: differs, note: "it needs 'mode http': falling back to round robin, as HAProxy does"},
	{name: "sticky|log-hash|log-sticky", in: inBackends, grade: refused, note: "it is for mode log"},
})

// balance holds the balancing algorithm of a section and its settings.
type balance struct {
	reference         // name is the algorithm; empty: not given
	draws     int     // of random
	hashed    string  // the expression of hash
	overHTTP  bool    // hashed is about a request
	hashing   hashing // applies to any algorithm
}

// hashing holds hash-type and the keywords that go with it.
type hashing struct {
	consistent bool
	function   string
	avalanche  bool
	factor     int
	affinity   string
}

// setBalance reads "balance ALGORITHM [ARGUMENTS]".
func setBalance(t *translation, p *proxy, s statement) {
	name, argument, _ := strings.Cut(s.arg(0), "(")
	if name == "" {
		name = "roundrobin"
	}
	k := balanceAlgorithms[name]
	if k == nil {
		t.errorf(s.Pos, "balance only supports 'roundrobin', 'static-rr', 'leastconn', 'source', 'first', 'random', 'hash' and 'rdp-cookie' in mode tcp (got '%s')%s", name, balanceAlgorithms.similar(name, inBackends))
		return
	}
	p.balance.reference = reference{s.Pos, name}
	switch k.grade {
	case refused:
		t.errorf(s.Pos, "'balance %s' in %s: %s", name, p, k.note)
	case differs:
		if p.mode == "http" {
			t.setHashedRequest(p, s, name, argument)
			return
		}
		t.warnf(s.Pos, "'balance %s' in %s: %s", name, p, k.note)
		p.balance.name = "roundrobin"
	default:
	}
	switch name {
	case "random":
		t.setDraws(p, s, argument)
	case "hash":
		t.setHashed(p, s)
	}
}

func (t *translation) setDraws(p *proxy, s statement, argument string) {
	p.balance.draws = policies.DefaultDraws
	argument, closed := strings.CutSuffix(argument, ")")
	if argument == "" {
		return
	}
	n, err := haproxyfile.ParseUint(argument, 1, policies.MaxDraws)
	if err != nil || !closed {
		t.errorf(s.Pos, "'balance random' in %s: the number of draws must be at least 1: expected a whole number from 1 to 1000 (got '%s')", p, argument)
		return
	}
	p.balance.draws = int(n)
}

// setHashedRequest reads the arguments of balance uri, url_param and hdr(NAME), which become hashes
// of an expression.
func (t *translation) setHashedRequest(p *proxy, s statement, name, argument string) {
	var of string
	words := s.args[1:]
	switch name {
	case "hdr":
		argument = strings.TrimSuffix(argument, ")")
		if argument == "" {
			t.errorf(s.Pos, "'balance hdr' in %s requires the name of a header: expected hdr(NAME)", p)
			return
		}
		of = "req.hdr(" + argument + ",1)"
	case "url_param":
		if len(words) == 0 {
			t.errorf(s.Pos, "'balance url_param' in %s requires an URL parameter name.", p)
			return
		}
		of, words = "url_param("+words[0]+")", words[1:]
	case "uri":
		var err error
		if of, words, err = hashedURI(words); err != nil {
			t.errorf(s.Pos, "'balance uri len' in %s: %v", p, err)
			return
		}
	}
	if len(words) > 0 {
		t.errorf(s.Pos, "'balance %s %s' in %s: it is not available: expected balance hash with an expression", name, words[0], p)
		return
	}
	p.balance.name, p.balance.hashed, p.balance.overHTTP = "hash", of, true
}

// hashedURI returns the expression that balance uri hashes, and the words after its options.
func hashedURI(words []string) (of string, rest []string, err error) {
	of = "url,field(1,?)"
	for ; len(words) > 0; words = words[1:] {
		switch word := words[0]; {
		case word == "whole":
			of = strings.Replace(strings.Replace(of, "url,field(1,?)", "url", 1), "path", "pathq", 1)
		case word == "path-only":
			of = strings.Replace(strings.Replace(of, "url,field(1,?)", "path", 1), "url", "pathq", 1)
		case word == "len" && len(words) > 1:
			if _, err := haproxyfile.ParseUint(words[1], 1, 1<<16); err != nil {
				return "", nil, fmt.Errorf("'%s': expected a whole number from 1 to 65536", words[1])
			}
			of += ",bytes(0," + words[1] + ")"
			words = words[1:]
		default:
			return of, words, nil
		}
	}
	return of, nil, nil
}

func (t *translation) setHashed(p *proxy, s statement) {
	p.balance.hashed = strings.Join(s.args[1:], " ")
	if p.balance.hashed == "" {
		t.errorf(s.Pos, "'balance hash' in %s requires a sample expression", p)
		return
	}
	p.balance.overHTTP = p.mode == "http"
	loader := t.loader
	if p.balance.overHTTP {
		loader = t.httpSamples()
	}
	e, err := loader.Expression(p.balance.hashed)
	if err != nil {
		t.errorf(s.Pos, "failed to parse 'balance hash' expression '%s' in %s: %v", p.balance.hashed, p, unavailable(err))
		return
	}
	if w := e.Warning(); w != "" {
		t.warnf(s.Pos, "'balance hash %s' in %s: %s", p.balance.hashed, p, w)
	}
	t.addExpressionQuestions(p, s.Pos, sampleFetch, "balance expression", e.Questions())
	if e.NeedsRequest() {
		t.warnf(s.Pos, "'balance hash %s' in %s: data from the client is no longer available when a server is chosen, so the servers are used in turn, as in HAProxy: set a variable ('tcp-request content set-var(sess.key) %s') and hash that", p.balance.hashed, p, p.balance.hashed)
	}
}

// setHashType reads "hash-type METHOD [FUNCTION [MODIFIER]]".
func setHashType(t *translation, p *proxy, s statement) {
	h := &p.balance.hashing
	switch s.arg(0) {
	case "consistent":
		h.consistent = true
	case "map-based":
		h.consistent = false
	default:
		t.errorf(s.Pos, "'hash-type' only supports 'consistent' and 'map-based'.")
		return
	}
	h.function, h.avalanche = s.arg(1), false
	if h.function != "" && !slices.Contains(policies.HashFunctions, h.function) {
		t.errorf(s.Pos, "'hash-type' only supports 'sdbm', 'djb2', 'crc32', or 'wt6' hash functions.")
	}
	switch s.arg(2) {
	case "":
	case "avalanche":
		h.avalanche = true
	default:
		t.errorf(s.Pos, "'hash-type' only supports 'avalanche' as a modifier for hash functions.")
	}
}

// setHashFactor reads "hash-balance-factor N".
func setHashFactor(t *translation, p *proxy, s statement) {
	n, err := haproxyfile.ParseUint(s.args[0], 0, policies.MaxBalanceFactor)
	if err != nil || n > 0 && n <= 100 {
		t.errorf(s.Pos, "'hash-balance-factor' must be 0 or greater than 100.")
		return
	}
	p.balance.hashing.factor = int(n)
}

func setHashAffinity(_ *translation, p *proxy, s statement) {
	p.balance.hashing.affinity = s.args[0]
}

// defaultBalance sets the algorithm of a backend without balance. HAProxy changed it in 3.3.
func (t *translation) defaultBalance(p *proxy) {
	if atLeastBranch(t.branch, 3, 3) {
		p.balance.name, p.balance.draws = "random", 1
		return
	}
	if t.branchGiven {
		return
	}
	t.collect(p.Pos, "without 'balance', roundrobin is used, as up to HAProxy 3.2; 3.3 and later use random: write 'balance', or set "+branchVariable+": %s", p.String())
}

// assumedMaxConn is the limit of a frontend where no maxconn is configured.
const assumedMaxConn = 2000

// fullConn returns the number of connections at which servers reach their maxconn: fullconn, or
// else a tenth of what all frontends that lead here may have.
func (t *translation) fullConn(p *proxy) int {
	if p.fullconn > 0 || !slices.ContainsFunc(p.servers, func(n *server) bool { return n.MinConn > 0 && n.MinConn < n.MaxConn }) {
		return p.fullconn
	}
	total := 0
	for f := range t.frontendsOf(p) {
		n := cmp.Or(f.maxconn, t.maxconn)
		if n == 0 {
			n = assumedMaxConn
			t.warnf(p.Pos, "%s has servers with 'minconn' but no 'fullconn', and HAProxy would derive the connection limit of %s from the system's limits: %d is assumed; write 'fullconn N', or 'maxconn N' in %s or in 'global'", p, f, n, f)
		}
		total += n
	}
	return max(1, (total+9)/10)
}

// oneAffinity expects a word of hash-preserve-affinity.
func oneAffinity(args []string) error {
	if err := oneOf("always", "maxconn", "maxqueue")(args); err != nil {
		return fmt.Errorf(": expected 'always', 'maxconn' or 'maxqueue'")
	}
	return atMost(1)(args)
}
