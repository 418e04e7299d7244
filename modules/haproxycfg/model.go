// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"crypto/x509"
	"slices"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxysites"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolvers"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// translation is the state of one translation.
type translation struct {
	baseDir     string // start of relative file names; empty: none
	branch      string
	branchGiven bool                        // HAPROXY_BRANCH is set
	getenv      func(string) (string, bool) // with the variables that the configuration sets
	loader      *sample.Loader
	// httpLoader is for sections in mode http; see httpSamples.
	httpLoader *sample.Loader
	// checkLoader reads the expressions of health checks.
	checkLoader *sample.Loader
	problems    []haproxyfile.Problem
	notices     []*notice
	byFormat    map[string]*notice
	refusals    []string // the notes of the refused keywords

	anonymous *proxy            // the last defaults section, named or not
	defaults  map[string]*proxy // by name
	proxies   []*proxy
	frontends map[string]*proxy
	backends  map[string]*proxy
	resolvers map[string]*resolvers.Resolvers
	checks    map[string]*proxy      // the healthcheck sections
	maxconn   int                    // of global; 0: not given
	limits    balancer.ProcessLimits // the other ones of global
	spread    int                    // spread-checks
	external  externalPermission

	logs          bool         // there is a log line
	globalTargets []*logTarget // of global
	tag           string       // log-tag of global
	hostname      string       // log-send-hostname
	rings         map[string]*ring

	hardStop time.Duration // 0: not given

	statsSockets statsSockets

	verifyNone bool                // ssl-server-verify none
	caBase     string              // ca-base
	crtBase    string              // crt-base
	tls        tlsSettings         // ssl-default-server-...: for all servers with check-ssl
	tlsUsed    bool                // a server has check-ssl
	warnedTLS  map[serverWord]bool // words that have been warned of

	bindTLS    bindTLS // ssl-default-bind-...: for all binds with ssl
	tlsListens bool    // a bind has ssl

	exporter bool // a rule has use-service prometheus-exporter

	extraFiles  []string // ssl-load-extra-files
	extraDelExt bool     // ssl-load-extra-del-ext

	// Results for files and lists that several servers name.
	roots        map[string]memoized[*x509.CertPool]
	lists        map[string]memoized[bool]
	certificates map[string]memoized[*checks.ClientCertificate]
	ciphers      map[string]memoized[cipherList]

	unixBind      unixSockets
	ids           map[int]*proxy
	tables        map[string]*stickTable   // by name
	peers         map[string]*peersSection // by name
	localPeer     string                   // the name of this process among peers
	hasSocket     bool                     // stats socket: HAProxy counts it among the sections
	questions     []question
	stickCounters *int // tune.stick-counters; nil: not given
	tableUses     []tableUse

	aclTerms []aclTerm

	idsUsed bool // by one of idFetches

	variables []balancer.Variable // of scope proc

	userlists         map[string]*userlist
	node, description string // of the keywords in global

	skipHTTP  bool // see Options
	drafts    []haproxysites.Site
	caddyfile string

	origins bool // emit the origin of each part

	incomplete bool // a section could not be read: its lines are missing
}

func newTranslation(branch string) *translation {
	return &translation{
		branch: branch,
		loader: new(sample.Loader),

		checkLoader: &sample.Loader{Checks: true},
		checks:      make(map[string]*proxy),

		byFormat:  make(map[string]*notice),
		frontends: make(map[string]*proxy),
		backends:  make(map[string]*proxy),
		anonymous: &proxy{kind: "defaults"},
		defaults:  make(map[string]*proxy),
		resolvers: make(map[string]*resolvers.Resolvers),
		tables:    make(map[string]*stickTable),
		peers:     make(map[string]*peersSection),
		rings:     make(map[string]*ring),
		userlists: make(map[string]*userlist),
		ids:       make(map[int]*proxy),
		warnedTLS: make(map[serverWord]bool),

		roots:        make(map[string]memoized[*x509.CertPool]),
		lists:        make(map[string]memoized[bool]),
		certificates: make(map[string]memoized[*checks.ClientCertificate]),
		ciphers:      make(map[string]memoized[cipherList]),
	}
}

// unixSockets holds the settings of unix-bind, for all bind lines.
type unixSockets struct {
	prefix string
	mode   string
	owner  string // the first option that sets one
}

// proxy is a frontend, backend, listen, defaults or healthcheck section.
type proxy struct {
	haproxyfile.Pos
	kind string
	name string
	settings

	acls           map[string]*acl
	serversByName  map[string]*server
	id             int  // keyword id; otherwise see assignIDs
	stateUsed      bool // an expression asks for its state
	binds          []bind
	servers        []*server
	useBackend     []useRule
	useServer      []useRule     // use-server
	persistRules   []persistRule // force-persist and ignore-persist
	stick          []stickRule
	defaultBackend reference // default_backend
	httpRules      httpRuleLists
	joined         *bind // the bind that a backend of mode tcp leads to; see joinSites

	monitorFails []*condition // monitor fail

	skipped      bool   // left out, since it is in mode http
	skippedBinds []bind // left out, since they are for HTTP or TLS

	// Of a defaults section: the sections that inherit from it, and whether by name or implicitly.
	inheritors      sectionSet
	byName, implied bool
	duplicateOf     *proxy // an earlier section of the same name
}

// reference is a name and its line.
type reference struct {
	haproxyfile.Pos
	name string
}

// useRule is a use_backend or use-server line.
type useRule struct {
	reference
	dynamic bool // name is a log format
	cond    *condition
}

// capabilities returns the kinds of sections that p acts as.
func (p *proxy) capabilities() sectionSet {
	switch p.kind {
	case "frontend":
		return inFrontend
	case "backend":
		return inBackend
	case "listen":
		return inFrontend | inBackend
	default:
		return inDefaults
	}
}

func (p *proxy) isFrontend() bool { return p.capabilities()&inFrontend != 0 }

func (p *proxy) isBackend() bool { return p.capabilities()&inBackend != 0 }

// isHTTP reports whether the section serves in mode http. A defaults section serves nothing.
func (p *proxy) isHTTP() bool { return p.mode == "http" && p.kind != "defaults" }

// hasRules reports whether the section has tcp-request or tcp-response rules.
func (p *proxy) hasRules() bool {
	return len(p.connection)+len(p.session)+len(p.content)+len(p.response) > 0
}

// isAnonymous reports whether the section is defaults without a name. HAProxy allows no rules in
// it.
func (p *proxy) isAnonymous() bool { return p.kind == "defaults" && p.name == "" }

// String returns the name of the section for messages.
func (p *proxy) String() string {
	switch {
	case p.isAnonymous():
		return "anonymous 'defaults' section"
	case p.kind == "defaults":
		return "defaults '" + p.name + "'"
	case p.kind == "listen":
		return "proxy '" + p.name + "'"
	default:
		return p.kind + " '" + p.name + "'"
	}
}

// didYouMean returns the suggestion to put after an unknown word.
func didYouMean(word string, known []string) string { return suggestion(options.Nearest(word, known)) }

// suggestion returns a suggestion for a message, or nothing if near is empty.
func suggestion(near string) string {
	if near == "" {
		return ""
	}
	return "; did you mean '" + near + "' maybe ?"
}

// memoized is the result of a function.
type memoized[T any] struct {
	value T
	err   error
}

// memoize returns the known result for the key, or calls f and keeps its result.
func memoize[T any](known map[string]memoized[T], key string, f func() (T, error)) (T, error) {
	m, ok := known[key]
	if !ok {
		m.value, m.err = f()
		known[key] = m
	}
	return m.value, m.err
}

func (t *translation) failed() bool { return t.failedAfter(0) }

// failedAfter reports whether there is an error behind the first n problems.
func (t *translation) failedAfter(n int) bool {
	return slices.ContainsFunc(t.problems[n:], func(p haproxyfile.Problem) bool { return p.Severity == haproxyfile.Error })
}

func underscores(word string) string { return strings.ReplaceAll(word, "-", "_") }

// branchVariable is HAProxy's variable for the version that a file was written for.
const branchVariable = "HAPROXY_BRANCH"
