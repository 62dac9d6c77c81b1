// An application service as the official SDK makes it, with the functions of its configuration: what ours is measured beside.
package main

import (
	"os"

	"github.com/edgexfoundry/app-functions-sdk-go/v4/pkg"
)

func main() {
	service, ok := pkg.NewAppService("app-bench")
	if !ok {
		os.Exit(1)
	}
	pipelines, err := service.LoadConfigurableFunctionPipelines()
	if err != nil {
		service.LoggingClient().Error(err.Error())
		os.Exit(1)
	}
	for _, p := range pipelines {
		if err := service.AddFunctionsPipelineForTopics(p.Id, p.Topics, p.Transforms...); err != nil {
			service.LoggingClient().Error(err.Error())
			os.Exit(1)
		}
	}
	if err := service.Run(); err != nil {
		os.Exit(1)
	}
}
