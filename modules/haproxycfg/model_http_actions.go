// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"
)

// httpAction is an action of http-request and the like. parse reads its arguments, up to the
// condition.
type httpAction struct {
	in    direction
	grade grade
	note  string
	parse func(t *translation, l *ruleLine) error
}

const (
	noteEveryRequest = "every request is one line of the access log"
	noteNoMarks      = "marking packets is not available"
	noteNoRuntimeMap = "rules do not change maps and ACLs; the socket does"

	exporter     = "use-service prometheus-exporter"
	noteExporter = "the answer has other metrics as well; the parameters of a request, such as scope, do not select"
)

// httpActions are the actions of http-request, http-response and http-after-response.
var httpActions = map[string]httpAction{
	"allow":                        {ofAll, supported, "", noWords},
	"deny":                         {ofRequest | ofResponse, supported, "", parseDeny},
	"return":                       {ofRequest | ofResponse, supported, "", parseReturn},
	"redirect":                     {ofRequest | ofResponse, supported, "", parseRedirectRule},
	"reject":                       {ofRequest, supported, "", noWords},
	"add-header|set-header":        {ofAll, supported, "", parseHeader},
	"del-header":                   {ofAll, supported, "", parseDeleteHeader},
	"replace-header|replace-value": {ofAll, differs, "regular expressions are those of Go", parseReplaceHeader},
	"set-method|set-path|set-query|set-uri|set-pathq": {ofRequest, supported, "", parseValue},
	"replace-path|replace-pathq|replace-uri":          {ofRequest, differs, "regular expressions are those of Go", parseReplace},
	"set-status":                                      {ofResponses, supported, "", parseStatus},
	"set-var":                                         {ofAll, supported, "", parseSetVar},
	"set-var-fmt":                                     {ofAll, supported, "", parseSetVarFormat},
	"unset-var":                                       {ofAll, supported, "", parseUnsetVar},
	"capture":                                         {ofAll, ignored, "nothing is captured: the access log has the headers of the request", nil},
	"set-log-level|do-log":                            {ofAll, ignored, noteEveryRequest, nil},
	"set-nice":                                        {ofRequest | ofResponse, ignored, "it is about HAProxy's own scheduling", nil},
	"strict-mode":                                     {ofAll, ignored, "a rule that cannot be applied is skipped", nil},
	"disable-l7-retry":                                {ofRequest, refused, "it is not available; expected retry-on in the backend", nil},
	"cache-use":                                       {ofRequest, differs, "nothing is cached: each request goes to a server", nil},
	"cache-store":                                     {ofResponse, differs, "nothing is cached: each request goes to a server", nil},
	"early-hint":                                      {ofRequest, refused, "sending 103 Early Hints is not available", nil},
	"auth":                                            {ofRequest, refused, "asking for passwords is not available: see basic_auth of Caddy's http app", nil},
	"normalize-uri":                                   {ofRequest, refused, "it is not available", nil},
	"silent-drop":                                     {ofRequest | ofResponse, refused, "it is not available over HTTP; expected reject, which closes the connection", nil},
	"tarpit":                                          {ofRequest, supported, "", parseDeny},
	"wait-for-body":                                   {ofRequest | ofResponse, refused, "bodies are passed on as they arrive", nil},
	"wait-for-handshake":                              {ofRequest, ignored, "early data is not accepted", nil},
	"set-timeout":                                     {ofRequest | ofResponse, refused, "it is not available; expected timeouts in the backend", nil},
	"set-map|del-map|add-acl|del-acl":                 {ofAll, refused, noteNoRuntimeMap, nil},
	"set-tos|set-mark|set-fc-tos|set-fc-mark|set-bc-tos|set-bc-mark": {ofAll, refused, noteNoMarks, nil},
	"set-src|set-src-port|set-dst|set-dst-port":                      {ofRequest, refused, "changing addresses is not available", nil},
	"set-priority-class|set-priority-offset":                         {ofRequest, supported, "", parseExpression},
	"set-retries":                                                    {ofRequest, refused, "it is not available; expected retries in the backend", nil},
	"pause":                                                          {ofRequest | ofResponse, refused, "it is not available", nil},
	"add-headers-bin|set-headers-bin|del-headers-bin":                {ofAll, refused, "headers in binary are not available", nil},
	"set-bandwidth-limit":                                            {ofRequest | ofResponse, refused, "bandwidth is not limited", nil},
	"do-resolve":                                                     {ofRequest, refused, "it is not available", nil},
	"use-service":                                                    {ofRequest, refused, "there is no Lua", nil},
	exporter:                                                         {ofRequest, differs, noteExporter, parseExporter},
	"send-spoe-group|ot-group":                                       {ofAll, refused, "filters are not available", nil},
	"track-sc0|track-sc1|track-sc2|sc-inc-gpc|sc-add-gpc|sc-inc-gpc0|sc-inc-gpc1|sc-set-gpt|sc-set-gpt0": {ofAll, refused, "stick tables are not available in mode http yet", nil},
}

// httpActionsByName has the same actions, one entry for each name.
var httpActionsByName = func() map[string]httpAction {
	all := make(map[string]httpAction)
	for names, a := range httpActions {
		addNamed(all, names, a)
	}
	return all
}()

func httpActionNames(of direction) (names []string) {
	for name, a := range httpActionsByName {
		if a.in&of != 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
