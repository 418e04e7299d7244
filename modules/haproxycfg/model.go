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
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// translation is one configuration on its way.
type translation struct {
	baseDir     string // where relative file names begin; empty: nowhere
	branch      string
	branchGiven bool                        // HAPROXY_BRANCH names the branch
	getenv      func(string) (string, bool) // with what the configuration itself sets
	loader      *sample.Loader
	// httpLoader is for sections of mode http; see overHTTP.
	httpLoader *sample.Loader
	// checkLoader reads the expressions of health checks.
	checkLoader *sample.Loader
	problems    []haproxyfile.Problem
	notices     []*notice
	byFormat    map[string]*notice
	refusals    []string // the notes of what was refused

	anonymous *proxy            // the last defaults section, of whatever name
	defaults  map[string]*proxy // the named ones
	proxies   []*proxy
	frontends map[string]*proxy
	backends  map[string]*proxy
	resolvers map[string]bool
	checks    map[string]*proxy // the sections healthcheck
	maxconn   int               // of global; 0: not given
	spread    int               // spread-checks
	external  externalPermission
	hardStop  time.Duration // 0: not given

	verifyNone bool             // ssl-server-verify none
	caBase     string           // ca-base
	crtBase    string           // crt-base
	tls        tlsSettings      // of all servers with check-ssl: ssl-default-server-...
	tlsUsed    bool             // there is one
	warnedTLS  map[tlsWord]bool // of which the message has been given

	extraFiles  []string // ssl-load-extra-files
	extraDelExt bool     // ssl-load-extra-del-ext

	// What has been read or parsed, for the servers that name it again.
	roots        map[string]memoized[*x509.CertPool]
	lists        map[string]memoized[bool]
	certificates map[string]memoized[*checks.ClientCertificate]
	ciphers      map[string]memoized[cipherList]

	unixBind  unixSockets
	ids       map[int]*proxy
	hasSocket bool // stats socket: HAProxy counts it among the sections
	questions []question
	aclTerms  []aclTerm

	idsUsed bool // by one of numberFetches

	variables []balancer.Variable // of the scope proc

	skipHTTP  bool // see Options
	drafts    []haproxysites.Site
	caddyfile string

	origins bool // what is emitted says where it comes from

	incomplete bool // a line belongs to no section that could be read
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
		resolvers: make(map[string]bool),
		ids:       make(map[int]*proxy),
		warnedTLS: make(map[tlsWord]bool),

		roots:        make(map[string]memoized[*x509.CertPool]),
		lists:        make(map[string]memoized[bool]),
		certificates: make(map[string]memoized[*checks.ClientCertificate]),
		ciphers:      make(map[string]memoized[cipherList]),
	}
}

// unixSockets is what unix-bind says of the sockets of all bind lines.
type unixSockets struct {
	prefix string
	mode   string
	owner  string // the option that names one
}

// proxy is a frontend, a backend, a listen or a defaults section.
type proxy struct {
	haproxyfile.Pos
	kind string
	name string
	settings

	acls           map[string]*acl
	serversByName  map[string]*server
	id             int  // of the keyword id, or counted; see number
	stateUsed      bool // a rule asks for its state
	binds          []bind
	servers        []*server
	useBackend     []useRule
	useServer      []useRule     // use-server
	persistRules   []persistRule // force-persist and ignore-persist
	defaultBackend reference     // default_backend
	httpRules      httpRuleLists
	table          haproxyfile.Pos // of stick-table

	monitorFails []*condition // monitor fail

	skipped      bool   // it is in mode http, and such sections are
	skippedBinds []bind // what it does not listen on, since that is for HTTP or TLS

	// Of a defaults section: who inherits its rules, and how it is referred to.
	inheritors      sectionSet
	byName, implied bool
	duplicateOf     *proxy // an earlier one of the same name
}

// settings are what a section has from its defaults.
type settings struct {
	mode          string
	disabled      bool
	balance       balance
	retries       *int
	retryOn       []string
	redispatch    int // of "option redispatch N"; 0: off
	allBackups    bool
	abortOnClose  bool // option abortonclose
	persist       bool // option persist
	maxconn       int
	backlog       int // 0: not given
	fullconn      int
	timeouts      timeouts
	defaultServer server // default-server
	check         healthCheck
	connection    []rule
	session       []rule
	content       []rule
	httpOptions   httpOptions
	response      []rule
	inspect       time.Duration
	lines         []haproxyfile.Line // with those of defaults, for what is left out
	monitorURI    string
	statistics    *builtinPage
	metrics       *builtinPage

	responseDelay time.Duration // tcp-response inspect-delay

	// refused: a line of it was. What seems to be missing may have been in that
	// line, so nothing is said of it.
	invalid bool
}

// timeouts that are nil were not given: HAProxy then waits for ever.
type timeouts struct {
	client, clientFin, server, serverFin, connect, queue, tunnel, check *time.Duration
}

// reference is a name and the line that it stands in.
type reference struct {
	haproxyfile.Pos
	name string
}

// useRule is a use_backend line.
type useRule struct {
	reference
	dynamic bool // name is a format
	cond    *condition
}

// inherit makes a section that begins with the settings of its defaults.
func (p *proxy) inherit(from *proxy) {
	p.settings = from.settings
	// What is appended to must not be shared.
	p.connection = slices.Clone(p.connection)
	p.session = slices.Clone(p.session)
	p.content = slices.Clone(p.content)
	p.response = slices.Clone(p.response)
	p.check.inherit()
}

// capabilities is what the section can do.
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

// isHTTP reports whether the section serves in mode http; defaults serve nobody.
func (p *proxy) isHTTP() bool { return p.mode == "http" && p.kind != "defaults" }

// hasRules reports whether the section has tcp-request rules.
func (p *proxy) hasRules() bool {
	return len(p.connection)+len(p.session)+len(p.content)+len(p.response) > 0
}

// isAnonymous reports whether the section is defaults without a name: HAProxy
// allows no rules in them.
func (p *proxy) isAnonymous() bool { return p.kind == "defaults" && p.name == "" }

// String is how messages call the section.
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

// didYouMean is what to say after an unknown word.
func didYouMean(word string, known []string) string { return suggestion(options.Nearest(word, known)) }

// suggestion says what was probably meant, if that is known.
func suggestion(near string) string {
	if near == "" {
		return ""
	}
	return "; did you mean '" + near + "' maybe ?"
}

// memoized is what a function returned.
type memoized[T any] struct {
	value T
	err   error
}

// memoize calls f unless what that returned for the key is remembered.
func memoize[T any](known map[string]memoized[T], key string, f func() (T, error)) (T, error) {
	m, ok := known[key]
	if !ok {
		m.value, m.err = f()
		known[key] = m
	}
	return m.value, m.err
}

func (t *translation) failed() bool { return t.failedAfter(0) }

// failedAfter reports whether an error has come to the first n problems.
func (t *translation) failedAfter(n int) bool {
	return slices.ContainsFunc(t.problems[n:], func(p haproxyfile.Problem) bool { return p.Severity == haproxyfile.Error })
}

func underscores(word string) string { return strings.ReplaceAll(word, "-", "_") }

// branchVariable is HAProxy's own: the version whose defaults a file means.
const branchVariable = "HAPROXY_BRANCH"
