// Command testbed is a whole Kubernetes control plane in one binary: etcd, the
// API server, the controller manager, the scheduler, KWOK (which plays the nodes
// and their kubelets), metrics-server and kubectl, and a supervisor that runs
// them together on 127.0.0.1, without containers.
//
// It runs the component that its first argument names, or its own file name.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const usage = `usage: testbed COMMAND [flags]

  cluster RUN_DIR [flags]   run a cluster in the foreground until SIGTERM or SIGINT (cluster --help)
  kubectl ...               the kubectl of the same Kubernetes version
  token RUN_DIR [flags]     print a token of the cluster's OpenID Connect issuer (token --help)
  hpa                       lets the HorizontalPodAutoscaler decide on JSON documents, one per line of stdin

Single components, with their own flags (cluster starts them):
  etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kwok, metrics-server
`

// commands maps the name of each command to its main function, which reads
// os.Args and returns the exit code.
var commands = map[string]func() int{
	"cluster":             clusterMain,
	nameEtcd:              etcdMain,
	nameAPIServer:         apiServerMain,
	nameControllerManager: controllerManagerMain,
	nameScheduler:         schedulerMain,
	nameKwok:              kwokMain,
	nameMetricsServer:     metricsServerMain,
	"kubectl":             kubectlMain,
	"hpa":                 hpaMain,
	"token":               tokenMain,
	"help":                func() int { return printUsage(os.Stdout, 0) },
	"--help":              func() int { return printUsage(os.Stdout, 0) },
}

func main() {
	// Under the name of a component, all arguments are the component's.
	if command, ok := commands[filepath.Base(os.Args[0])]; ok {
		os.Exit(command())
	}
	if len(os.Args) < 2 {
		os.Exit(printUsage(os.Stderr, 2))
	}
	command, ok := commands[os.Args[1]]
	if !ok {
		fmt.Fprintf(os.Stderr, "testbed: no command %q\n", os.Args[1])
		os.Exit(printUsage(os.Stderr, 2))
	}
	// The components find their name, and their flags, where a binary of their own would have them.
	os.Args = os.Args[1:]
	os.Exit(command())
}

func printUsage(w io.Writer, code int) int {
	fmt.Fprint(w, usage)
	return code
}
