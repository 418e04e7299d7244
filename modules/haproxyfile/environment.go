// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import (
	"fmt"
	"strings"
)

// Variables that HAProxy sets before it reads the configuration. The CLF formats are omitted.
// HAPROXY_CFGFILES is not among them: HAProxy sets it after reading.
const (
	branchVariable    = "HAPROXY_BRANCH"
	localPeerVariable = "HAPROXY_LOCALPEER"
	tcpLogVariable    = "HAPROXY_TCP_LOG_FMT"
	httpLogVariable   = "HAPROXY_HTTP_LOG_FMT"
	httpsLogVariable  = "HAPROXY_HTTPS_LOG_FMT"
	startupVariable   = "HAPROXY_STARTUP_VERSION"
)

// The formats of "option tcplog", "httplog" and "httpslog".
const (
	tcpLogFormat   = "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq"
	httpLogFormat  = "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r"
	httpsLogFormat = httpLogFormat + " %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] %[ssl_fc_sni]/%sslv/%sslc"
)

// An environment is the environment of the process with the changes by HAProxy and the
// configuration.
type environment struct {
	base  func(string) (string, bool) // nil: empty
	own   map[string]string
	unset map[string]bool // of base
}

func newEnvironment(o Options) *environment {
	e := &environment{base: o.Getenv, own: map[string]string{}, unset: map[string]bool{}}
	e.own[tcpLogVariable], e.own[httpLogVariable], e.own[httpsLogVariable] = tcpLogFormat, httpLogFormat, httpsLogFormat
	if o.LocalPeer != "" {
		e.own[localPeerVariable] = o.LocalPeer
	}
	for _, name := range []string{branchVariable, startupVariable} {
		if _, ok := e.lookup(name); !ok && o.Branch != "" {
			e.own[name] = o.Branch
		}
	}
	return e
}

// Environment returns a lookup function for the environment after sections, which [Read] returned:
// that of o, changed by "setenv", "presetenv", "unsetenv" and "resetenv". Use it as the Getenv of
// [AddressOptions]. The function is safe for concurrent use if o.Getenv is.
func Environment(sections []Section, o Options) func(name string) (string, bool) {
	e := newEnvironment(o)
	for _, s := range sections {
		if s.Kind != "global" {
			continue
		}
		for _, l := range s.Lines {
			_ = e.apply(l.Words) // Read has reported it
		}
	}
	return e.lookup
}

func (e *environment) lookup(name string) (string, bool) {
	if value, ok := e.own[name]; ok {
		return value, true
	}
	if e.base == nil || e.unset[name] {
		return "", false
	}
	return e.base(name)
}

// apply applies a line of the section "global" to the environment.
func (e *environment) apply(words []string) error {
	keyword, args := words[0], words[1:]
	switch keyword {
	case "setenv", "presetenv":
		if err := validateAssignment(keyword, args); err != nil {
			return err
		}
		if _, ok := e.lookup(args[0]); !ok || keyword == "setenv" {
			e.own[args[0]] = args[1]
		}
	case "unsetenv":
		if len(args) == 0 {
			return fmt.Errorf("'%s' expects at least one variable name", keyword)
		}
		for _, name := range args {
			if strings.Contains(name, "=") {
				return badName(keyword, name)
			}
			delete(e.own, name)
			e.unset[name] = true
		}
	case "resetenv":
		e.reset(args)
	case "localpeer":
		if len(args) > 0 {
			e.own[localPeerVariable] = args[0]
		}
	}
	return nil
}

func validateAssignment(keyword string, args []string) error {
	switch {
	case len(args) < 2:
		return fmt.Errorf("'%s' expects a variable's name and its value", keyword)
	case len(args) > 2:
		return fmt.Errorf("'%s' cannot handle unexpected argument '%s': expected a variable's name and its value", keyword, args[2])
	case strings.Contains(args[0], "="):
		return badName(keyword, args[0])
	default:
		return nil
	}
}

func badName(keyword, name string) error {
	return fmt.Errorf("'%s' failed on variable '%s': expected a name without '='", keyword, name)
}

// reset removes all variables except those in keep.
func (e *environment) reset(keep []string) {
	kept := make(map[string]string, len(keep))
	for _, name := range keep {
		if value, ok := e.lookup(name); ok {
			kept[name] = value
		}
	}
	e.base, e.own = nil, kept
}
