"""One update of the weights, forward and backward by hand: gather, network, output layer, loss, optimizer."""
