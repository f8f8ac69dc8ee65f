"""The names of the methods, which a command line tells without importing any of them.

The rule of this module: it imports nothing.
"""

PLACES = {
    "grad-cam": "grad_cam",
    "grad-cam++": "grad_cam_plus_plus",
    "hirescam": "hirescam",
    "xgrad-cam": "xgrad_cam",
    "layercam": "layercam",
    "refine-cam": "refine_cam",
    "cam": "cam",
    "score-cam": "score_cam",
    "ablation-cam": "ablation_cam",
    "eigencam": "eigencam",
    "gradient": "gradient",
    "gradient-x-input": "gradient_x_input",
    "smoothgrad": "smoothgrad",
    "integrated-gradients": "integrated_gradients",
    "guided-backprop": "guided_backprop",
    "occlusion": "occlusion",
    "rise": "rise",
    "activation": "activation",
}
"""The file of each method, in the order in which a menu shows them."""
