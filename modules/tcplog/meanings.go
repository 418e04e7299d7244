// SPDX-License-Identifier: Apache-2.0

package tcplog

// meanings say how connections ended, for readers of the log and of the status page.
var meanings = [EndCount]string{
	Complete:         "both sides closed in order",
	ClientReset:      "the client reset the connection",
	ServerReset:      "the server reset the connection",
	ClientTimeout:    "the client was silent for the client timeout",
	ServerTimeout:    "the server was silent for the server timeout",
	Killed:           "ended by an operator, or by the end of the process",
	Failed:           "an error of the proxy while it relayed",
	ClientLeft:       "the client left before its hello was complete",
	Refused:          "refused by a rule, or because of the client's first bytes",
	InspectionFailed: "an error of the proxy before a backend was chosen",
	ConnectFailed:    "the server could not be reached",
	ConnectTimeout:   "the server did not answer the connect in time",
	NoAddress:        "the client's data give no valid address of a server",
	NoServer:         "the backend has no usable server",
	NoResources:      "the proxy lacks descriptors, ports or memory to connect",

	NoBackend:          "no rule matches, and there is no default backend",
	ClientTimeoutHello: "the client was silent while rules waited for it",
	QueueTimeout:       "no server had room before the queue timeout",
	QueueFull:          "the queue of the server was full",
	ClientLeftQueue:    "the client left while it was queued",
	ClientLeftConnect:  "the client left while the server was being connected",
	ServerDown:         "the server went down or into maintenance, which ends its sessions",
	BackupSpare:        "a server came back, which ends the sessions of backup servers",
	KilledHello:        "ended by an operator, or by the end of the process, before its hello was complete",
	KilledQueue:        "ended by an operator, or by the end of the process, while it was queued",
	KilledConnect:      "ended by an operator, or by the end of the process, before its server was connected",
	ServerRemoved:      "its server was removed, and removed_server_timeout is over",
	Unresolved:         "the name of the server could not be looked up",
	ResponseRefused:    "a rule refused the server's response",

	HeaderMissing:    "the PROXY header was missing",
	HeaderInvalid:    "the PROXY header was invalid",
	HeaderNotAllowed: "a PROXY header came from a source that may not send one",
	HeaderTimeout:    "the PROXY header was not complete in time",

	PassedOn:  "passed on to an HTTP server or the next handler",
	OverLimit: "over a limit of the frontend",
}
